// What it takes to run a released model: weights, KV cache, cards, and a rough range of speed.
// Sizes are exact for the shape; speeds are bounds computed from the vendors' figures of the cards,
// never measured. Pure; thread-safe.
//
//   parameters  sum over layers of attention and feed-forward matrices, embedding, head
//   KV a token  layers x 2 x heads_kv x head_dim x 2 bytes; MLA: layers x (kv_lora + rope) x 2
//   cards       the smallest 1, 2, 4 ... that divides the heads, so that on each card
//               weights / N + KV / (heads_kv shared among the cards of a server) <= 90 % of memory
//   step        max((active weights + B x context x KV a token) / (bandwidth x N),
//                   2 x active parameters x B / (operations a second x N))
//   tokens/s    of a stream 1 / step, of all B / step
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/fit.h"
#include "catalog/plan_data.h"

namespace xc::catalog {

struct Precision {
  std::string_view name;
  double bits;  // a weight, scales included
  bool gguf;    // `xingcha convert` or `quantize` writes it
  bool served;  // vLLM, SGLang or MindIE load such weights
};
const Precision* precision_of(std::string_view name);  // nullptr: unknown
std::vector<std::string_view> precision_names();

// Without MTP. Biases and norms are left out: below 0.1 %.
double parameters_of(const ModelShape& shape);
// Of one token: the experts that it uses; the embedding is looked up, not multiplied.
double active_parameters_of(const ModelShape& shape);
// Of the matrices that a step of `batch` tokens reads at least once: with experts the expected
// number of different ones, when each token chooses among them evenly.
double touched_parameters(const ModelShape& shape, double batch);
double kv_bytes_per_token(const ModelShape& shape);
double weights_bytes(const ModelShape& shape, const Precision& precision);

struct PlanAsk {
  std::uint64_t context = 8192;   // tokens of one request, all of them in the cache
  std::uint64_t concurrency = 1;  // requests at once
  double tokens_per_second = 0;   // of one stream; 0: whatever comes
  std::string precision;          // empty: as released, or what the card computes instead
};

struct Speed {  // a range, tokens a second
  double stream_low = 0, stream_high = 0;
  double total_low = 0, total_high = 0;
};

// One kind of card.
struct CardPlan {
  const Card* card = nullptr;
  std::string precision;
  int cards = 0;                           // 0: it does not fit into any number of them
  int servers = 0;                         // of card->per_server
  double weights_bytes = 0, kv_bytes = 0;  // in all
  double card_bytes = 0;                   // on each: weights, KV with what cards hold twice
  Speed speed;
  bool fast_enough = true;           // the low end reaches what was asked
  std::vector<std::string> engines;  // that serve this release on this card: "vllm", "sglang" …
};
CardPlan plan_on(const Card& card, const Release& release, const PlanAsk& ask);

// Where else it could run: for each vendor the card of which an engine that is known to serve it
// needs the fewest, with less memory first among equals. Empty: no evidence of any.
std::vector<CardPlan> fewest_cards(const std::vector<Card>& cards, const Release& release,
                                   const PlanAsk& ask);

// This machine, now.
enum class State : std::uint8_t { RunsHere, NeedsMemory, RemoteOnly };
struct HerePlan {
  State state = State::RemoteOnly;
  std::string precision;  // of the GGUF file
  Need need;
  std::uint64_t missing_bytes = 0;
};
// The best precision that fits, or the smallest when none does. Weights must be converted first.
HerePlan plan_here(const Release& release, const PlanAsk& ask, const Memory& memory);

// What the header of a converted file would say, as far as memory goes.
GgufFacts facts_of(const ModelShape& shape, const Precision& precision);

}  // namespace xc::catalog
