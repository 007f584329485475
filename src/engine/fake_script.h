// What the fake engine says, as plain functions: text to tokens, tokens to deltas. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "schema/chat.h"

namespace xc::engine {

// One code point a token; a byte that is no UTF-8 counts as U+FFFD.
std::vector<std::int32_t> fake_tokens(std::string_view text);
std::string fake_text(const std::vector<std::int32_t>& tokens);

struct FakeLimits {
  std::vector<std::string> stop;
  int max_tokens = 0;  // 0: none
  bool logprobs = false;
};
// `text` cut into deltas of one to four characters, then the delta with `finish`.
std::vector<schema::Delta> fake_deltas(std::string_view text, const FakeLimits& limits,
                                       RandomSource& random);
// The tokens of an echoed prompt, all but the first with a log-probability.
std::vector<schema::LogprobEntry> fake_scores(std::string_view prompt);
// Eight numbers of length 1 from the text and the seed.
std::vector<float> fake_vector(std::string_view text, std::uint64_t seed);
// Share of the query's characters that are in the document, 0 – 1.
float fake_relevance(std::string_view query, std::string_view document);

}  // namespace xc::engine
