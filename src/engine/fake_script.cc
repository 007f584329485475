#include "engine/fake_script.h"

#include <cmath>
#include <set>

#include "schema/utf8.h"

namespace xc::engine {
namespace {

constexpr std::int32_t kReplacement = 0xFFFD;

void append_code_point(std::string& out, std::int32_t point) {
  const auto byte = [&out](std::int32_t value) { out += static_cast<char>(value); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0 | (point >> 6));
    byte(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    byte(0xE0 | (point >> 12));
    byte(0x80 | ((point >> 6) & 0x3F));
    byte(0x80 | (point & 0x3F));
  } else {
    byte(0xF0 | (point >> 18));
    byte(0x80 | ((point >> 12) & 0x3F));
    byte(0x80 | ((point >> 6) & 0x3F));
    byte(0x80 | (point & 0x3F));
  }
}

std::int32_t code_point_at(std::string_view text, std::size_t at, std::size_t length) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if (length == 1) return byte(0);
  std::int32_t point = byte(0) & (0xFF >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) point = (point << 6) | (byte(i) & 0x3F);
  return point;
}

// The text up to the first stop string, and which one it was.
std::string_view cut_at_stop(std::string_view text, const std::vector<std::string>& stops,
                             std::string& matched) {
  std::size_t end = text.size();
  for (const std::string& stop : stops) {
    const std::size_t at = stop.empty() ? std::string_view::npos : text.find(stop);
    if (at >= end) continue;  // npos too
    end = at;
    matched = stop;
  }
  return text.substr(0, end);
}

schema::LogprobEntry logprob_of(const std::string& piece) {
  schema::LogprobEntry entry;
  entry.chosen = {piece, -0.25};
  entry.top.push_back(entry.chosen);
  return entry;
}

}  // namespace

std::vector<std::int32_t> fake_tokens(std::string_view text) {
  std::vector<std::int32_t> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = schema::character_length(text, at);
    tokens.push_back(length == 0 ? kReplacement : code_point_at(text, at, length));
    at += length == 0 ? 1 : length;
  }
  return tokens;
}

std::string fake_text(const std::vector<std::int32_t>& tokens) {
  std::string out;
  for (const std::int32_t token : tokens) append_code_point(out, token);
  return out;
}

std::vector<schema::Delta> fake_deltas(std::string_view text, const FakeLimits& limits,
                                       RandomSource& random) {
  schema::Delta last;
  last.finish = schema::Finish::Stop;
  std::vector<std::int32_t> tokens = fake_tokens(cut_at_stop(text, limits.stop, last.stop_match));
  const auto tokens_max = static_cast<std::size_t>(limits.max_tokens);
  if (tokens_max > 0 && tokens.size() > tokens_max) {
    tokens.resize(tokens_max);
    last.finish = schema::Finish::Length;
    last.stop_match.clear();
  }
  std::vector<schema::Delta> deltas;
  for (std::size_t at = 0; at < tokens.size();) {
    const std::size_t length = std::min<std::size_t>(1 + random.next() % 4, tokens.size() - at);
    schema::Delta delta;
    delta.content = fake_text({tokens.begin() + static_cast<std::ptrdiff_t>(at),
                               tokens.begin() + static_cast<std::ptrdiff_t>(at + length)});
    if (limits.logprobs) delta.logprobs.push_back(logprob_of(delta.content));
    deltas.push_back(std::move(delta));
    at += length;
  }
  deltas.push_back(std::move(last));
  return deltas;
}

std::vector<schema::LogprobEntry> fake_scores(std::string_view prompt) {
  std::vector<schema::LogprobEntry> scores;
  for (const std::int32_t token : fake_tokens(prompt)) {
    scores.push_back(logprob_of(fake_text({token})));
  }
  if (!scores.empty()) scores.front() = {{scores.front().chosen.token, std::nan("")}, {}};
  return scores;
}

std::vector<float> fake_vector(std::string_view text, std::uint64_t seed) {
  for (const char c : text) seed = (seed ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  SeededRandom random(seed);
  std::vector<float> vector(8);
  double squares = 0;
  for (float& x : vector) {
    x = static_cast<float>(static_cast<double>(random.next() >> 11) / 9007199254740992.0 - 0.5);
    squares += static_cast<double>(x) * x;
  }
  for (float& x : vector) x = static_cast<float>(x / std::sqrt(squares));
  return vector;
}

float fake_relevance(std::string_view query, std::string_view document) {
  const std::vector<std::int32_t> asked = fake_tokens(query);
  const std::vector<std::int32_t> tokens = fake_tokens(document);
  const std::set<std::int32_t> there(tokens.begin(), tokens.end());
  if (asked.empty()) return 0;
  int found = 0;
  for (const std::int32_t token : asked) found += there.contains(token) ? 1 : 0;
  return static_cast<float>(found) / static_cast<float>(asked.size());
}

}  // namespace xc::engine
