#include "convert/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "convert/checkpoint_test_folder.h"
#include "convert/rope.h"
#include "convert/rows.h"

namespace xc::convert {
namespace {

using testing::Contains;
using testing::HasSubstr;

Result<ModelPlan> plan_of(const CheckpointFolder& folder, const std::string& config_text,
                          PlanOptions options = {}) {
  XC_TRY(const HfConfig config, parse_config(config_text));
  XC_TRY(const Checkpoint checkpoint, Checkpoint::open(folder.root()));
  return plan_model(config, checkpoint, options);
}

template <typename T>
T value_of(const ModelPlan& plan, const std::string& key) {
  for (const auto& [name, value] : plan.metadata) {
    if (name == key) return std::get<T>(value);
  }
  ADD_FAILURE() << key << " is missing";
  return T();
}

TEST(Config, KnowsBothSpellings) {
  const auto telechat = parse_config(kTinyConfig);
  ASSERT_TRUE(telechat);
  EXPECT_EQ(telechat->layers, 1u);
  EXPECT_EQ(telechat->norm_eps, 1e-6);
  EXPECT_EQ(telechat->tied, false);
  const auto llama = parse_config(
      R"({"num_hidden_layers":3,"hidden_size":8,"num_attention_heads":2,"vocab_size":4,
          "rms_norm_eps":1e-8,"eos_token_id":[5,6],"rope_parameters":{"rope_type":"yarn",
          "rope_theta":1000000.0,"factor":4.0}})");
  ASSERT_TRUE(llama);
  EXPECT_EQ(llama->norm_eps, 1e-8);
  EXPECT_EQ(llama->heads_kv, 2u);
  EXPECT_EQ(llama->rope_theta, 1e6);
  EXPECT_EQ(llama->rope.factor, 4);
  EXPECT_EQ(llama->eos, 5u);
}

TEST(Config, RefusesWhatIsNoModel) {
  for (const char* text :
       {"[]", "{}", R"({"n_layer":0,"n_head":1,"hidden_size":4,"vocab_size":1})",
        R"({"n_layer":1e9,"n_head":1,"hidden_size":4,"vocab_size":1})",
        R"({"n_layer":1,"n_head":8,"hidden_size":4,"vocab_size":1})",
        R"({"n_layer":1,"n_head":3,"num_key_value_heads":2,"hidden_size":6,"vocab_size":1})",
        R"({"n_layer":1,"n_head":1,"hidden_size":4,"vocab_size":1,"layer_norm_epsilon":0})",
        R"({"n_layer":1,"n_head":1,"hidden_size":4,"vocab_size":1,"rope_theta":"x"})",
        R"({"n_layer":1,"n_head":1,"hidden_size":4,"vocab_size":1,"kv_lora_rank":4})"}) {
    const auto config = parse_config(text);
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().args.at(0), "config.json");
  }
}

// Keys lie before values, head by head; the rotary halves of a head are interleaved.
TEST(Plan, TakesKeysAndValuesApart) {
  const CheckpointFolder folder;
  auto tensors = tiny_tensors();
  TestTensor& pair = tensors["transformer.h.0.self_attention.key_value.weight"];
  for (int row = 0; row < 8; ++row) {
    for (int column = 0; column < 8; ++column) {
      pair.values.push_back(static_cast<float>(row * 10 + column));
    }
  }
  folder.write("model.safetensors", safetensors_bytes(tensors));
  const auto config = parse_config(kTinyConfig);
  const auto checkpoint = Checkpoint::open(folder.root());
  ASSERT_TRUE(config && checkpoint);
  const auto plan = plan_model(*config, *checkpoint, {});
  ASSERT_TRUE(plan);
  RowReader reader(*checkpoint, *config);
  const auto rows_of = [&](const std::string& name) {
    const auto tensor = std::ranges::find(plan->tensors, name, &PlannedTensor::name);
    reader.start(*tensor);
    std::vector<float> values(tensor->rows() * tensor->columns());
    reader.read(0, tensor->rows(), values.data());
    std::vector<int> rows;
    for (std::size_t i = 0; i < values.size(); i += 8) rows.push_back(int(values[i]) / 10);
    return rows;
  };
  EXPECT_EQ(rows_of("blk.0.attn_k.weight"), (std::vector<int>{0, 2, 1, 3}));
  EXPECT_EQ(rows_of("blk.0.attn_v.weight"), (std::vector<int>{4, 5, 6, 7}));
  EXPECT_EQ(plan->architecture, "llama");
  EXPECT_TRUE(plan->telechat);
  EXPECT_EQ(value_of<std::uint32_t>(*plan, "llama.attention.head_count_kv"), 1u);
  EXPECT_FLOAT_EQ(value_of<float>(*plan, "llama.attention.layer_norm_rms_epsilon"), 1e-6f);
}

TEST(Plan, NamesWhatIsMissingWrongOrLeftOver) {
  const CheckpointFolder folder;
  auto tensors = tiny_tensors();
  tensors.erase("transformer.h.0.mlp.up_proj.weight");
  folder.write("model.safetensors", safetensors_bytes(tensors));
  const auto missing = plan_of(folder, kTinyConfig);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().args.at(1), HasSubstr("'transformer.h.0.mlp.up_proj.weight'"));

  tensors = tiny_tensors();
  tensors["transformer.h.0.mlp.up_proj.weight"].shape = {31, 8};
  folder.write("model.safetensors", safetensors_bytes(tensors));
  const auto wrong = plan_of(folder, kTinyConfig);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().args.at(1), HasSubstr("shape [31, 8], the config asks for [32, 8]"));

  tensors = tiny_tensors();
  tensors["transformer.h.0.mlp.gate_proj.bias"] = {{32}};
  folder.write("model.safetensors", safetensors_bytes(tensors));
  const auto left = plan_of(folder, kTinyConfig);
  ASSERT_FALSE(left);
  EXPECT_THAT(left.error().args.at(1), HasSubstr("has no place"));

  tensors = tiny_tensors();
  tensors["lm_head.weight"].dtype = "I32";
  folder.write("model.safetensors", safetensors_bytes(tensors));
  const auto integers = plan_of(folder, kTinyConfig);
  ASSERT_FALSE(integers);
  EXPECT_THAT(integers.error().args.at(1), HasSubstr("holds I32, expected floats"));

  folder.write("model.safetensors", safetensors_bytes({{"encoder.weight", {{1}}}}));
  const auto unknown = plan_of(folder, kTinyConfig);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, Message::UnknownModel);
}

// TeleChat-7B: no word about the head, names without "transformer.", code with 4096 in it.
TEST(Plan, TakesASilentTelechatForTied) {
  const CheckpointFolder folder;
  std::map<std::string, TestTensor> inner;
  for (auto& [name, tensor] : tiny_tensors()) {
    inner[name.starts_with("transformer.") ? name.substr(12) : name] = tensor;
  }
  folder.write("model.safetensors", safetensors_bytes(inner));
  const auto plan = plan_of(folder, R"({"model_type":"telechat","n_layer":1,"n_head":2,
      "num_key_value_heads":1,"hidden_size":8,"ffn_hidden_size":32,"vocab_size":12,
      "layer_norm_epsilon":1e-6,"rms_norm_eps":1e-2,"training_seqlen":8192})");
  ASSERT_TRUE(plan);
  for (const PlannedTensor& tensor : plan->tensors) EXPECT_NE(tensor.name, "output.weight");
  EXPECT_FLOAT_EQ(value_of<float>(*plan, "llama.rope.freq_base"),
                  static_cast<float>(10'000 * std::pow(3.0, 4.0 / 2.0)));
  EXPECT_FLOAT_EQ(value_of<float>(*plan, "llama.attention.layer_norm_rms_epsilon"), 1e-6f);
  inner.erase("h.0.mlp.up_proj.weight");
  folder.write("model.safetensors", safetensors_bytes(inner));
  const auto missing = plan_of(folder, kTinyConfig);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().args.at(1), HasSubstr("'h.0.mlp.up_proj.weight'"));
}

TEST(Plan, RefusesFieldsThatChangeTheArithmetic) {
  const CheckpointFolder folder;
  folder.write("model.safetensors", safetensors_bytes(tiny_tensors()));
  for (const char* field :
       {R"("hidden_act":"gelu")", R"("embed_layernorm":true)",
        R"("apply_residual_connection_post_layernorm":true)",
        R"("quantization_config":{"quant_method":"gptq"})", R"("residual_multiplier":0.22)",
        R"("no_rope_layers":[1])", R"("rope_scaling":{"type":"longrope","factor":2})",
        R"("rope_scaling":{"type":"yarn","factor":2,"beta_fast":16})"}) {
    const auto plan =
        plan_of(folder, kTinyConfig.substr(0, kTinyConfig.size() - 1) + "," + field + "}");
    ASSERT_FALSE(plan) << field;
    EXPECT_EQ(plan.error().message, Message::UnknownModel) << field;
  }
}

TEST(Rope, TelechatsBaseFollowsTheLength) {
  const NtkRope seven = ntk_rope(10'000, 128, 4096, 8192, 8192, true);  // the 7B trap
  EXPECT_EQ(seven.alpha, 3);
  EXPECT_NEAR(seven.base, 10'000 * std::pow(3.0, 128.0 / 126.0), 1e-6);
  EXPECT_EQ(seven.magnitude, 1);
  EXPECT_EQ(ntk_rope(10'000, 160, 8192, 8192, 2048, true).alpha, 1);
  const NtkRope longer = ntk_rope(10'000, 128, 8192, 8192, 32'768, true);
  EXPECT_EQ(longer.alpha, 7);
  EXPECT_NEAR(longer.magnitude, 1 + 0.1 * std::log(4), 1e-12);
  EXPECT_EQ(ntk_rope(10'000, 128, 8192, 8192, 8193, true).alpha, 3);  // just beyond: one step
  EXPECT_EQ(ntk_rope(10'000, 128, 4096, 4096, 8192, false).base, 30'000);
}

TEST(Rope, Telechat3GrowsBySevenHundredths) {
  const auto config = parse_config(
      R"({"n_layer":1,"n_head":2,"hidden_size":8,"vocab_size":4,"max_position_embeddings":32768,
          "rope_scaling":{"rope_type":"telechat3-yarn","factor":4.0,
          "original_max_position_embeddings":8192}})");
  ModelPlan plan;
  plan.architecture = "llama";
  ASSERT_TRUE(add_scaling(*config, "llama.", false, plan));
  EXPECT_NEAR(value_of<float>(plan, "llama.rope.scaling.attn_factor"),
              (1 + 0.07 * std::log(4)) / (1 + 0.1 * std::log(4)), 1e-6);
  EXPECT_NEAR(value_of<float>(plan, "llama.rope.scaling.attn_factor"), 0.9635, 1e-4);
  EXPECT_EQ(plan.notes.size(), 1u);
}

}  // namespace
}  // namespace xc::convert
