#include "catalog/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>

#include "catalog/names.h"
#include "catalog/plan_commands.h"

namespace xc::catalog {
namespace {

using testing::HasSubstr;
using testing::Not;

const PlanData& data() {
  static const PlanData kData = *PlanData::open("");
  return kData;
}
const Release& release(std::string_view name) {
  const Release* found = data().find(name);
  EXPECT_NE(found, nullptr) << name;
  return found != nullptr ? *found : data().releases().front();
}
const Card& card(std::string_view name) { return *data().card(name); }

constexpr double kGiB = 1024.0 * 1024 * 1024;

TEST(PlanData, EveryReleaseIsSane) {
  const auto opened = PlanData::open("");
  ASSERT_TRUE(opened) << text_of(opened.error(), Language::En);
  EXPECT_GE(opened->releases().size(), 30u);
  std::set<std::string> names;
  for (const Release& r : opened->releases()) {
    SCOPED_TRACE(r.name);
    EXPECT_TRUE(names.insert(r.name).second);
    for (const std::string& alias : r.aliases) EXPECT_TRUE(names.insert(alias).second) << alias;
    EXPECT_FALSE(r.title_zh.empty() || r.title_en.empty() || r.family.empty());
    EXPECT_EQ(r.notes_zh.empty(), r.notes_en.empty());
    EXPECT_FALSE(r.licence.licence.spdx.empty() || r.licence.licence.url.empty());
    EXPECT_EQ(r.licence.note_zh.empty(), r.licence.note_en.empty());
    EXPECT_NE(precision_of(r.precision), nullptr);
    EXPECT_EQ(r.precisions.front(), r.precision);
    EXPECT_TRUE(r.exact || !r.notes_zh.empty());
    // The shape is the model: its parameters are what the name and the card of the release say.
    EXPECT_NEAR(parameters_of(r.shape) / 1e9, r.parameters_b, r.parameters_b * 0.03);
    const double active = r.active_b > 0 ? r.active_b : r.parameters_b;
    if (r.shape.experts > 0) {
      EXPECT_GT(r.active_b, 0);
      EXPECT_NEAR(active_parameters_of(r.shape) / 1e9, active, active * 0.11);
    }
    const std::set<std::string> can(r.functions.begin(), r.functions.end());
    EXPECT_TRUE(can.contains("completion"));
    if (can.contains("thinking")) {
      EXPECT_TRUE(r.sampling.temperature.has_value());
      EXPECT_TRUE(!r.reasoning_parser.empty() || r.vllm.empty());
    }
    if (!r.tool_parser.empty()) EXPECT_TRUE(can.contains("tools"));
    EXPECT_TRUE(r.converts || !r.vllm.empty() || !r.sglang.empty() || !r.mindie.empty())
        << "listed, but nothing runs it";
  }
}

TEST(PlanData, EveryTelechatAsksForItsLicence) {
  int seen = 0;
  for (const Release& r : data().releases()) {
    const bool telechat = r.name.starts_with("telechat") || r.name.starts_with("t1-");
    EXPECT_EQ(r.licence.licence.spdx == "LicenseRef-TeleChat", telechat) << r.name;
    if (!telechat) continue;
    ++seen;
    EXPECT_TRUE(r.licence.licence.ask) << r.name;
    EXPECT_THAT(r.licence.note_en, HasSubstr("commercial use")) << r.name;
  }
  EXPECT_EQ(seen, 19);
  EXPECT_EQ(release("deepseek-r1").licence.licence.spdx, "MIT");
}

TEST(PlanData, EveryFamilyIsListed) {
  for (const char* name : {"telechat-1b",
                           "telechat-7b",
                           "telechat-12b",
                           "telechat-12b-v2",
                           "telechat-52b",
                           "telechat2-3b",
                           "telechat2-7b",
                           "telechat2-35b",
                           "telechat2-7b-32k",
                           "telechat2-35b-32k",
                           "telechat2-115b",
                           "telechat2-39b-a12b",
                           "telechat2.5-35b",
                           "telechat2.5-115b",
                           "t1-35b",
                           "t1-115b",
                           "telechat3-36b",
                           "telechat3-coder-36b",
                           "telechat3-105b-a4.7b",
                           "deepseek-v2-236b",
                           "deepseek-v2-lite",
                           "deepseek-v3",
                           "deepseek-v3-base",
                           "deepseek-r1",
                           "deepseek-r1-zero",
                           "deepseek-r1-distill-qwen-1.5b",
                           "deepseek-r1-distill-qwen-7b",
                           "deepseek-r1-distill-llama-8b",
                           "deepseek-r1-distill-qwen-14b",
                           "deepseek-r1-distill-qwen-32b",
                           "deepseek-r1-distill-llama-70b"}) {
    EXPECT_NE(data().find(name), nullptr) << name;
  }
}

TEST(PlanData, FindsALicenceThatAsks) {
  for (const char* name : {"LicenseRef-TeleChat", "telechat", "TeleChat"}) {
    const PlanLicence* found = data().asking_licence(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_NE(found->note_en.find("application by e-mail"), std::string::npos);
  }
  EXPECT_NE(data().asking_licence("deepseek"), nullptr);
  EXPECT_EQ(data().asking_licence("MIT"), nullptr);
  EXPECT_EQ(data().asking_licence(""), nullptr);
}

TEST(PlanData, EveryCardHasFiguresAndTheirSource) {
  EXPECT_GE(data().cards().size(), 8u);
  std::set<std::string> names;
  for (const Card& c : data().cards()) {
    SCOPED_TRACE(c.name);
    EXPECT_TRUE(names.insert(c.name).second);
    EXPECT_FALSE(c.source.empty() || c.title.empty());
    EXPECT_GE(c.memory_gib, 16);
    // From the slowest to the fastest memory on a card, and to the machine balance of each.
    EXPECT_GE(c.bandwidth_gb_s, 200);
    EXPECT_LE(c.bandwidth_gb_s, 10'000);
    EXPECT_GT(c.f16_tflops * 1000 / c.bandwidth_gb_s, 30);
  }
  for (const char* name : {"ascend-910b", "ascend-910c", "ascend-310p", "h20", "h200", "l20"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST(PlanData, AnExtraFileAddsAndMistakesAreTold) {
  const std::string path = testing::TempDir() + "xc_plan.toml";
  std::ofstream(path) << "[[card]]\nname = \"mine\"\ntitle = \"t\"\nvendor = \"nvidia\"\n"
                         "memory_gib = 10\nbandwidth_gb_s = 100\nbf16_tflops = 1\nper_server = 1\n"
                         "basis = \"vendor\"\nsource = \"s\"\n";
  const auto more = PlanData::open(path);
  ASSERT_TRUE(more) << text_of(more.error(), Language::En);
  EXPECT_NE(more->card("mine"), nullptr);
  EXPECT_EQ(more->cards().size(), data().cards().size() + 1);
  for (const char* bad :
       {"[[card]]\n", "[[release]]\n", "x = 1\n", "[shapes.a]\nlayers = 1\n",
        "[shapes.a]\nlayers = 1\nhidden = 8\nffn = 8\nheads = 3\nheads_kv = 2\nvocabulary = 9\n",
        "[shapes.a]\nlayers = 1\nhidden = 8\nheads = 1\nvocabulary = 9\nexperts = 2\n",
        "[shapes.a]\nlayers = -1\nhidden = 8\nffn = 8\nheads = 1\nvocabulary = 9\n",
        "[shapes.a]\nlayers = 99999999\nhidden = 8\nffn = 8\nheads = 1\nvocabulary = 9\n",
        "[licences]\na = 1\n", "[[card]\n"}) {
    EXPECT_FALSE(PlanData::parse(bad, "x")) << bad;
  }
  EXPECT_TRUE(PlanData::open("/nonexistent/plan.toml"));
}

// By hand: 64 layers x 2 x 8 heads x 128 x 2 bytes; 61 layers x 576 x 2 bytes.
TEST(Plan, KvOfATokenIsExact) {
  EXPECT_EQ(kv_bytes_per_token(release("telechat3-36b").shape), 64 * 2 * 8 * 128 * 2);
  EXPECT_EQ(kv_bytes_per_token(release("telechat2-35b").shape), 64 * 2 * 48 * 128 * 2);
  EXPECT_EQ(kv_bytes_per_token(release("deepseek-r1").shape), 61 * 576 * 2);
  EXPECT_EQ(kv_bytes_per_token(release("telechat3-105b-a4.7b").shape), 45 * 576 * 2);
  EXPECT_EQ(kv_bytes_per_token(release("telechat-12b").shape), 38 * 2 * 32 * 160 * 2);
  const ModelShape& shape = release("deepseek-r1").shape;
  EXPECT_EQ(kv_bytes_per_token(facts_of(shape, *precision_of("f16")), "f16"), 61u * 576 * 2);
}

TEST(Plan, ParametersByHand) {
  // Qwen2.5-7B: 28 x (2 x 3584 x 128 x 32 + 3 x 3584 x 18944) + 2 x 152064 x 3584
  EXPECT_EQ(parameters_of(release("deepseek-r1-distill-qwen-7b").shape),
            28.0 * (2.0 * 3584 * 128 * 32 + 3.0 * 3584 * 18944) + 2.0 * 152064 * 3584);
  const ModelShape& tied = release("telechat-7b").shape;
  EXPECT_EQ(parameters_of(tied), active_parameters_of(tied));  // the head is the embedding
  const ModelShape& moe = release("telechat2-39b-a12b").shape;
  EXPECT_EQ(touched_parameters(moe, 1), active_parameters_of(moe));
  EXPECT_LT(touched_parameters(moe, 8), parameters_of(moe));
  EXPECT_GT(touched_parameters(moe, 8), touched_parameters(moe, 2));
  EXPECT_NEAR(touched_parameters(moe, 1000), parameters_of(moe) - 131072.0 * 4096, 1e6);
}

// What operators published: R1 in BF16 takes four Atlas 800I A2 (8 x 64 GiB), in W8A8 two; eight
// cards of 96 GB hold the FP8 weights; a 7B distill runs on one card of 24 GB.
TEST(Plan, AgreesWithPublishedDeployments) {
  const Release& r1 = release("deepseek-r1");
  PlanAsk ask;
  ask.precision = "bf16";
  EXPECT_EQ(plan_on(card("ascend-910b"), r1, ask).cards, 32);
  EXPECT_EQ(plan_on(card("ascend-910b"), r1, ask).servers, 4);
  ask.precision = "";
  const CardPlan int8 = plan_on(card("ascend-910b"), r1, ask);
  EXPECT_EQ(int8.precision, "int8");  // 910B computes no FP8
  EXPECT_EQ(int8.cards, 16);
  EXPECT_EQ(int8.servers, 2);
  const CardPlan h20 = plan_on(card("h20"), r1, ask);
  EXPECT_EQ(h20.precision, "fp8");
  EXPECT_EQ(h20.cards, 8);
  EXPECT_EQ(plan_on(card("rtx4090"), release("deepseek-r1-distill-qwen-7b"), ask).cards, 1);
  // MindSpore's own figure for TeleChat2-7B on one Ascend 800T A2 card, 54.1 tokens a second,
  // lies in our range.
  const CardPlan seven = plan_on(card("ascend-910b"), release("telechat2-7b"), ask);
  EXPECT_EQ(seven.cards, 1);
  EXPECT_LT(seven.speed.stream_low, 54.1);
  EXPECT_GT(seven.speed.stream_high, 54.1);
}

TEST(Plan, MoreOfEverythingCostsMore) {
  const Release& model = release("telechat3-36b");
  PlanAsk ask;
  const CardPlan one = plan_on(card("h20"), model, ask);
  EXPECT_EQ(one.cards, 1);
  EXPECT_NEAR(one.card_bytes, one.weights_bytes + one.kv_bytes, 1);
  EXPECT_LT(one.card_bytes, 95.5 * kGiB * 0.9);
  ask.concurrency = 32;
  const CardPlan many = plan_on(card("h20"), model, ask);
  EXPECT_GT(many.cards, one.cards);
  EXPECT_EQ(many.kv_bytes, one.kv_bytes * 32);
  EXPECT_GT(many.speed.total_low, one.speed.total_low);
  EXPECT_LE(many.speed.stream_low, many.speed.stream_high);
  // A stated speed asks for more cards, until a server is full.
  ask.concurrency = 1;
  ask.tokens_per_second = one.speed.stream_low * 3;
  const CardPlan fast = plan_on(card("h20"), model, ask);
  EXPECT_GE(fast.cards, 4);
  EXPECT_TRUE(fast.fast_enough);
  ask.tokens_per_second = 1e6;
  EXPECT_FALSE(plan_on(card("h20"), model, ask).fast_enough);
  EXPECT_EQ(plan_on(card("h20"), model, ask).cards, one.cards);  // out of reach: what fits
}

TEST(Plan, SaysWhenNothingFits) {
  PlanAsk ask;
  ask.context = 16'000'000;
  ask.concurrency = 4096;
  const CardPlan none = plan_on(card("l20"), release("deepseek-r1"), ask);
  EXPECT_EQ(none.cards, 0);
  EXPECT_FALSE(none.fast_enough);
  EXPECT_TRUE(commands_of(release("deepseek-r1"), none, ask).empty());
  ask = {};
  ask.precision = "fp8";
  EXPECT_EQ(plan_on(card("ascend-910b"), release("deepseek-r1"), ask).cards, 0);
  ask.precision = "q4_k_m";  // a GGUF file, not for these engines
  EXPECT_EQ(plan_on(card("h20"), release("telechat2-7b"), ask).cards, 0);
}

TEST(Plan, TheFewestCardsOfEachVendor) {
  const auto r1 = fewest_cards(data().cards(), release("deepseek-r1"), {});
  ASSERT_EQ(r1.size(), 2u);
  for (const CardPlan& plan : r1) {
    for (const Card& other : data().cards()) {
      if (other.vendor != plan.card->vendor) continue;
      const int cards = plan_on(other, release("deepseek-r1"), {}).cards;
      EXPECT_TRUE(cards == 0 || cards >= plan.cards) << other.name;
    }
  }
  const auto small = fewest_cards(data().cards(), release("telechat2-3b"), {});
  ASSERT_EQ(small.size(), 1u);  // no engine is known to serve it on Ascend
  EXPECT_EQ(small[0].cards, 1);
  EXPECT_EQ(small[0].card->name, "rtx4090");  // the least memory that does
  EXPECT_TRUE(fewest_cards(data().cards(), release("telechat-52b"), {}).empty());
}

// By hand: 3.07 x 10^9 parameters at 16 bits, 8.5 bits; KV 24 layers x 2 x 24 x 128 x 2 bytes.
TEST(Plan, MemoryIsTheFormula) {
  const ModelShape& three = release("telechat2-3b").shape;
  const double parameters = 24.0 * (4.0 * 3072 * 3072 + 3.0 * 3072 * 6144) + 2.0 * 131072 * 3072;
  EXPECT_EQ(weights_bytes(three, *precision_of("f16")), parameters * 2);
  EXPECT_EQ(weights_bytes(three, *precision_of("q8_0")), parameters * 8.5 / 8);
  PlanAsk ask;
  ask.context = 1000;
  ask.concurrency = 3;
  ask.precision = "f16";
  Memory memory;
  memory.available_bytes = UINT64_MAX;
  const HerePlan here = plan_here(release("telechat2-3b"), ask, memory);
  EXPECT_EQ(here.need.weights_bytes, static_cast<std::uint64_t>(parameters * 2));
  EXPECT_GE(here.need.kv_bytes, 3000u * 24 * 2 * 24 * 128 * 2);
  EXPECT_LE(here.need.kv_bytes, 3328u * 24 * 2 * 24 * 128 * 2);  // whole blocks of 256 cells
}

TEST(Plan, ThisMachineHereAndNow) {
  const Release& three = release("telechat2-3b");
  PlanAsk ask;
  ask.context = 4096;
  const auto at = [&](double gib) {
    Memory memory;
    memory.total_bytes = memory.available_bytes = static_cast<std::uint64_t>(gib * kGiB);
    return plan_here(three, ask, memory);
  };
  EXPECT_EQ(at(64).state, State::RunsHere);
  EXPECT_EQ(at(64).precision, "f16");
  EXPECT_EQ(at(6).precision, "q8_0");
  EXPECT_EQ(at(4).precision, "q4_k_m");
  const HerePlan none = at(1);
  EXPECT_EQ(none.state, State::NeedsMemory);
  EXPECT_EQ(none.missing_bytes, none.need.total() - static_cast<std::uint64_t>(kGiB));
  // With exactly what it says is missing, it runs.
  Memory enough;
  enough.available_bytes = none.need.total();
  EXPECT_EQ(plan_here(three, ask, enough).state, State::RunsHere);
  Release closed = three;
  closed.converts = false;
  EXPECT_EQ(plan_here(closed, ask, enough).state, State::RemoteOnly);
  ask.precision = "fp8";
  EXPECT_EQ(plan_here(three, ask, enough).state, State::RemoteOnly);
}

TEST(PlanCommands, SayWhatTheEngineNeeds) {
  PlanAsk ask;
  ask.context = 32768;
  ask.concurrency = 16;
  const Release& t1 = release("t1-35b");
  const CardPlan plan = plan_on(card("h200"), t1, ask);
  const auto commands = commands_of(t1, plan, ask);
  ASSERT_EQ(commands.size(), 1u);  // no evidence of SGLang, and MindIE is Ascend's
  EXPECT_EQ(commands[0].engine, "vllm");
  for (const char* part :
       {"vllm serve /models/t1-35b ", "--max-model-len 32768", "--max-num-seqs 16",
        "--tool-call-parser hermes", "--reasoning-parser deepseek_r1", "--trust-remote-code"}) {
    EXPECT_THAT(commands[0].command, HasSubstr(part));
  }
  EXPECT_THAT(commands[0].command,
              HasSubstr("--tensor-parallel-size " + std::to_string(plan.cards)));
  EXPECT_EQ(endpoint_of(t1, plan, commands[0]),
            R"({"name":"t1-35b-vllm","pool":"h200","url":"http://HOST:8000","vendor":"vllm",)"
            R"("model":"t1-35b"})");
  EXPECT_EQ(joining_of(t1, plan, commands[0]),
            "xingcha pool set h200 --hardware h200\n"
            "xingcha endpoint set t1-35b-vllm --pool h200 --url http://HOST:8000 --vendor vllm\n"
            "xingcha pool route t1-35b h200=t1-35b");

  const Release& r1 = release("deepseek-r1");
  const CardPlan ascend = plan_on(card("ascend-910b"), r1, ask);
  const auto mindie = commands_of(r1, ascend, ask);
  ASSERT_EQ(mindie.size(), 1u);
  EXPECT_THAT(mindie[0].config, HasSubstr("\"worldSize\":16"));
  EXPECT_THAT(mindie[0].config, HasSubstr("\"npuDeviceIds\":[[0,1,2,3,4,5,6,7]]"));
  EXPECT_THAT(mindie[0].config, HasSubstr("\"ModelConfig\":[{"));
  EXPECT_THAT(mindie[0].config, HasSubstr("\"multiNodesInferEnabled\":true"));
  EXPECT_THAT(mindie[0].config, HasSubstr("/models/deepseek-r1-int8"));
  // A thinking model behind its defaults would be cut after 512 tokens.
  for (const char* part :
       {"\"maxSeqLen\":32768", "\"maxInputTokenLen\":32767", "\"maxPrefillTokens\":32767",
        "\"maxIterTimes\":32768", "\"maxBatchSize\":16", "\"ipAddress\":\"HOST\""}) {
    EXPECT_THAT(mindie[0].config, HasSubstr(part));
  }
  EXPECT_THAT(mindie[0].command, HasSubstr("mindieservice_daemon"));
  const CardPlan hopper = plan_on(card("h20"), r1, ask);
  const auto both = commands_of(r1, hopper, ask);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_THAT(both[1].command, HasSubstr("--reasoning-parser deepseek-r1"));
  EXPECT_THAT(both[0].command, Not(HasSubstr("--trust-remote-code")));
  // TeleChat2 on Ascend: no engine is known to serve it, so none is offered.
  EXPECT_TRUE(plan_on(card("ascend-910b"), release("telechat2-35b"), ask).engines.empty());
}

}  // namespace
}  // namespace xc::catalog
