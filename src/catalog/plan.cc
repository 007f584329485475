#include "catalog/plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace xc::catalog {
namespace {

constexpr double kGibibyte = 1024.0 * 1024 * 1024;
constexpr double kKvBytes = 2;         // f16 or bf16, what engines use unless told
constexpr double kUsableMemory = 0.9;  // the rest: activations, graphs, the runtime itself
constexpr int kCardsMax = 512;
// Of the figures on paper, what serving engines reach: from a cold configuration to a tuned one.
constexpr double kBandwidthLow = 0.35, kBandwidthHigh = 0.75;
constexpr double kComputeLow = 0.25, kComputeHigh = 0.55;
constexpr std::uint32_t kLocalBatch = 512;  // the worker's micro-batch unless configured

// Bits with scales: fp8 one f32 a block of 128 x 128; int8 one f16 a row; int4 one f16 and a zero
// point a group of 128; q8_0 one f16 for 32; q4_k_m by its usual mixture of q4_K and q6_K.
constexpr std::array<Precision, 8> kPrecisions{{{"f32", 32, true, true},
                                                {"bf16", 16, true, true},
                                                {"f16", 16, true, true},
                                                {"fp8", 8.002, false, true},
                                                {"int8", 8.01, false, true},
                                                {"int4", 4.25, false, true},
                                                {"q8_0", 8.5, true, false},
                                                {"q4_k_m", 4.9, true, false}}};

double d(std::uint64_t value) { return static_cast<double>(value); }

double attention_parameters(const ModelShape& s) {
  if (s.kv_lora == 0) {
    return 2 * d(s.hidden) * d(s.head_dim) * (d(s.heads) + d(s.heads_kv));
  }
  const double query = d(s.heads) * (d(s.nope) + d(s.rope));
  const double q = s.q_lora == 0 ? d(s.hidden) * query : d(s.q_lora) * (d(s.hidden) + query);
  const double kv = d(s.hidden) * (d(s.kv_lora) + d(s.rope)) +
                    d(s.kv_lora) * d(s.heads) * (d(s.nope) + d(s.value));
  return q + kv + d(s.heads) * d(s.value) * d(s.hidden);
}

double expert_parameters(const ModelShape& s) { return 3 * d(s.hidden) * d(s.expert_ffn); }

double moe_layers(const ModelShape& s) {
  return s.experts == 0 ? 0 : d(s.layers) - d(s.dense_layers);
}

// Everything but the embedding, with `experts` routed experts a layer.
double matrices(const ModelShape& s, double experts) {
  const double moe = moe_layers(s);
  return d(s.layers) * attention_parameters(s) + (d(s.layers) - moe) * 3 * d(s.hidden) * d(s.ffn) +
         moe *
             ((experts + d(s.experts_shared)) * expert_parameters(s) + d(s.hidden) * d(s.experts)) +
         d(s.vocabulary) * d(s.hidden);
}

double operations_of(const Card& card, std::string_view precision) {
  if (precision == "fp8") return card.fp8_tflops;
  if (precision == "int8") return card.int8_tops;
  if (precision == "bf16") return card.bf16_tflops;
  if (precision == "f32") return card.f16_tflops / 4;  // none has fast f32 matrices
  return card.f16_tflops;                              // int4 is widened to f16
}

// What the card computes of a release: fp8 weights become int8 where there is no fp8.
std::string precision_on(const Card& card, const Release& release, const PlanAsk& ask) {
  if (!ask.precision.empty()) return ask.precision;
  std::string wanted = release.precision;
  if (wanted == "fp8" && card.fp8_tflops == 0) wanted = "int8";
  if (wanted == "bf16" && card.bf16_tflops == 0) wanted = "f16";
  return wanted;
}

struct Split {
  int tensor = 1;    // cards that share each layer, in one server
  int pipeline = 1;  // servers, each with some of the layers
};
Split split_of(const Card& card, int cards) {
  const int tensor = std::min(cards, card.per_server);
  return {tensor, cards / tensor};
}

// A key head that has fewer heads than cards is held more than once; a latent cache on every card.
double bytes_on_each(const ModelShape& shape, const Split& split, double weights, double kv) {
  const double heads = shape.kv_lora != 0 ? 1 : d(shape.heads_kv);
  const double shares = std::min(static_cast<double>(split.tensor), heads) * split.pipeline;
  return weights / (split.tensor * split.pipeline) + kv / shares;
}

struct Load {
  double weight_bytes_each = 2;  // of one parameter
  double batch = 1, context = 1;
};

// Seconds of one token of every stream, at these shares of the figures on paper. A pipeline works
// on as many groups of streams as it has servers; each token passes all of them.
double step_seconds(const Card& card, const ModelShape& shape, const Split& split, const Load& load,
                    double operations, double bandwidth_share, double compute_share) {
  const double group = std::max(1.0, load.batch / split.pipeline);
  const double bytes = touched_parameters(shape, group) * load.weight_bytes_each +
                       group * load.context * kv_bytes_per_token(shape);
  const double memory = bytes / (card.bandwidth_gb_s * 1e9 * split.tensor * bandwidth_share);
  const double compute =
      2 * active_parameters_of(shape) * group / (operations * 1e12 * split.tensor * compute_share);
  return std::max(memory, compute);
}

Speed speed_of(const Card& card, const ModelShape& shape, const Split& split, Load load,
               double operations) {
  Speed speed;
  speed.stream_low =
      1 / step_seconds(card, shape, split, load, operations, kBandwidthLow, kComputeLow);
  load.context /= 2;  // on average a request has filled half of what it may
  speed.stream_high =
      1 / step_seconds(card, shape, split, load, operations, kBandwidthHigh, kComputeHigh);
  speed.total_low = speed.stream_low * load.batch;
  speed.total_high = speed.stream_high * load.batch;
  return speed;
}

std::vector<std::string> engines_on(const Card& card, const Release& release) {
  std::vector<std::string> engines;
  if (card.vendor == "huawei") {
    if (!release.mindie.empty()) engines.emplace_back("mindie");
    return engines;
  }
  if (!release.vllm.empty()) engines.emplace_back("vllm");
  if (!release.sglang.empty()) engines.emplace_back("sglang");
  return engines;
}

std::uint64_t whole(double value) {
  return value < 1e18 ? static_cast<std::uint64_t>(std::llround(value)) : UINT64_MAX;
}

}  // namespace

const Precision* precision_of(std::string_view name) {
  const auto found = std::ranges::find(kPrecisions, name, &Precision::name);
  return found == kPrecisions.end() ? nullptr : &*found;
}

std::vector<std::string_view> precision_names() {
  std::vector<std::string_view> names;
  for (const Precision& precision : kPrecisions) names.push_back(precision.name);
  return names;
}

double parameters_of(const ModelShape& shape) {
  const double embedding = shape.tied ? 0 : d(shape.vocabulary) * d(shape.hidden);
  return matrices(shape, d(shape.experts)) + embedding;
}

double active_parameters_of(const ModelShape& shape) {
  return matrices(shape, d(shape.experts_used));
}

double touched_parameters(const ModelShape& shape, double batch) {
  if (shape.experts == 0) return matrices(shape, 0);
  const double missed = 1 - d(shape.experts_used) / d(shape.experts);
  return matrices(shape, d(shape.experts) * (1 - std::pow(missed, batch)));
}

double kv_bytes_per_token(const ModelShape& shape) {
  const double width = shape.kv_lora != 0 ? d(shape.kv_lora) + d(shape.rope)
                                          : 2 * d(shape.heads_kv) * d(shape.head_dim);
  return d(shape.layers) * width * kKvBytes;
}

double weights_bytes(const ModelShape& shape, const Precision& precision) {
  return parameters_of(shape) * precision.bits / 8;
}

CardPlan plan_on(const Card& card, const Release& release, const PlanAsk& ask) {
  const ModelShape& shape = release.shape;
  CardPlan plan;
  plan.card = &card;
  plan.precision = precision_on(card, release, ask);
  plan.engines = engines_on(card, release);
  const Precision* precision = precision_of(plan.precision);
  const double operations = operations_of(card, plan.precision);
  if (precision == nullptr || !precision->served || operations <= 0) {
    plan.engines.clear();
    plan.fast_enough = false;
    return plan;
  }
  plan.weights_bytes = weights_bytes(shape, *precision);
  plan.kv_bytes = kv_bytes_per_token(shape) * d(ask.context) * d(ask.concurrency);
  const Load load{precision->bits / 8, d(ask.concurrency), d(ask.context)};
  plan.fast_enough = false;
  std::optional<CardPlan> smallest;  // what fits, when no number of cards is fast enough
  for (int cards = 1; cards <= kCardsMax && !plan.fast_enough; cards *= 2) {
    const Split split = split_of(card, cards);
    if (split.tensor * split.pipeline != cards) break;                  // no whole servers
    if (shape.heads % static_cast<unsigned>(split.tensor) != 0) break;  // engines refuse it
    const double each = bytes_on_each(shape, split, plan.weights_bytes, plan.kv_bytes);
    if (each > card.memory_gib * kGibibyte * kUsableMemory) continue;
    plan.cards = cards;
    plan.servers = split.pipeline;
    plan.card_bytes = each;
    plan.speed = speed_of(card, shape, split, load, operations);
    plan.fast_enough = plan.speed.stream_low >= ask.tokens_per_second;
    if (!smallest) smallest = plan;
  }
  return plan.fast_enough || !smallest ? plan : *smallest;
}

std::vector<CardPlan> fewest_cards(const std::vector<Card>& cards, const Release& release,
                                   const PlanAsk& ask) {
  std::vector<CardPlan> best;  // one a vendor
  for (const Card& card : cards) {
    CardPlan plan = plan_on(card, release, ask);
    if (plan.cards == 0 || plan.engines.empty()) continue;
    const auto same = std::ranges::find(best, card.vendor,
                                        [](const CardPlan& other) { return other.card->vendor; });
    const auto cost = [](const CardPlan& one) {
      return std::pair(one.cards, one.card->memory_gib);
    };
    if (same == best.end()) {
      best.push_back(std::move(plan));
    } else if (cost(plan) < cost(*same)) {
      *same = std::move(plan);
    }
  }
  return best;
}

GgufFacts facts_of(const ModelShape& shape, const Precision& precision) {
  GgufFacts facts;
  facts.parameters = whole(parameters_of(shape));
  facts.tensor_bytes = whole(weights_bytes(shape, precision));
  facts.layers = static_cast<std::uint32_t>(shape.layers);
  facts.embedding = static_cast<std::uint32_t>(shape.hidden);
  facts.vocabulary = static_cast<std::uint32_t>(shape.vocabulary);
  facts.heads = static_cast<std::uint32_t>(shape.heads);
  facts.heads_kv.assign(shape.layers,
                        static_cast<std::uint32_t>(shape.kv_lora != 0 ? 1 : shape.heads_kv));
  facts.head_dim_k = facts.head_dim_v = static_cast<std::uint32_t>(shape.head_dim);
  facts.kv_lora_rank = static_cast<std::uint32_t>(shape.kv_lora);
  facts.rope_dim = static_cast<std::uint32_t>(shape.rope);
  return facts;
}

HerePlan plan_here(const Release& release, const PlanAsk& ask, const Memory& memory) {
  HerePlan plan;
  if (!release.converts) return plan;
  std::vector<const Precision*> wanted;  // the best first
  if (ask.precision.empty()) {
    for (const char* name : {"f16", "q8_0", "q4_k_m"}) wanted.push_back(precision_of(name));
  } else {
    const Precision* precision = precision_of(ask.precision);
    if (precision == nullptr || !precision->gguf) return plan;
    wanted.push_back(precision);
  }
  for (const Precision* precision : wanted) {
    const GgufFacts facts = facts_of(release.shape, *precision);
    plan.precision = precision->name;
    plan.need = need_of(facts, ask.context * ask.concurrency, "f16", kLocalBatch, 0);
    if (plan.need.total() <= memory.available_bytes) {
      plan.state = State::RunsHere;
      return plan;
    }
  }
  plan.state = State::NeedsMemory;
  plan.missing_bytes = plan.need.total() - memory.available_bytes;
  return plan;
}

}  // namespace xc::catalog
