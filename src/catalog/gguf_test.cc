#include "catalog/gguf.h"

#include <gtest/gtest.h>

#include <fstream>

#include "catalog/gguf_test_writer.h"
#include "catalog/gguf_types.h"
#include "catalog/names.h"

namespace xc::catalog {
namespace {

using Writer = GgufTestWriter;

Result<GgufHeader> read(const std::string& bytes) {
  return read_gguf(bytes, bytes.size(), "test.gguf");
}

// The reason and the byte, as a person reads them.
void expect_refused(const std::string& bytes, std::string_view reason, std::uint64_t at) {
  const auto header = read(bytes);
  ASSERT_FALSE(header) << reason;
  EXPECT_EQ(header.error().message, Message::BadModelFile);
  ASSERT_EQ(header.error().args.size(), 3u);
  EXPECT_NE(header.error().args[1].find(reason), std::string::npos) << header.error().args[1];
  EXPECT_EQ(header.error().args[2], std::to_string(at)) << header.error().args[1];
}

Writer minimal() {
  Writer writer;
  writer.add("general.architecture", "llama");
  return writer;
}

template <typename T>
std::string patched(std::string bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

TEST(Gguf, facts_of_a_small_model) {
  const auto header = read(Writer::tiny_llama().build());
  ASSERT_TRUE(header) << text_of(header.error(), Language::En);
  const GgufFacts& facts = header->facts;
  EXPECT_EQ(facts.architecture, "llama");
  EXPECT_EQ(facts.name, "Tiny");
  EXPECT_EQ(facts.quantization, "Q8_0");
  EXPECT_EQ(facts.licence, "mit");
  EXPECT_EQ(facts.parameters, 64u * 3 + 64);
  EXPECT_EQ(facts.tensor_bytes, 204u + 256);
  EXPECT_EQ(facts.context, 4096u);
  EXPECT_EQ(facts.layers, 2u);
  EXPECT_EQ(facts.heads_kv, (std::vector<std::uint32_t>{2, 2}));
  EXPECT_EQ(facts.head_dim_k, 16u);
  EXPECT_EQ(facts.vocabulary, 3u);
  EXPECT_TRUE(facts.has_chat_template);
  EXPECT_TRUE(facts.template_has_tools);
  EXPECT_FALSE(facts.has_infill);
  EXPECT_EQ(header->metadata.at("llama.block_count"), "2");
  EXPECT_EQ(header->metadata.at("tokenizer.ggml.tokens"), "[3 × string]");
  EXPECT_EQ(header->tensors.size(), 2u);
  EXPECT_EQ(header->data_offset % 32, 0u);
  EXPECT_EQ(capabilities_of(facts, false),
            (std::vector<std::string>{"chat", "completion", "tools"}));
}

TEST(Gguf, per_layer_heads_mla_and_infill) {
  Writer writer;
  writer.add("general.architecture", "deepseek2").add("deepseek2.block_count", 3u);
  writer.add("deepseek2.attention.head_count_kv", std::vector<std::uint32_t>{1, 0, 1});
  writer.add("deepseek2.attention.key_length_mla", 192u);
  writer.add("deepseek2.attention.kv_lora_rank", 512u);
  writer.add("deepseek2.rope.dimension_count", 64u);
  writer.add("tokenizer.ggml.tokens",
             std::vector<std::string>{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"});
  writer.add_tensor("t", {1}, 0, 4);
  const auto header = read(writer.build());
  ASSERT_TRUE(header);
  EXPECT_EQ(header->facts.heads_kv, (std::vector<std::uint32_t>{1, 0, 1}));
  EXPECT_EQ(header->facts.kv_lora_rank, 512u);
  EXPECT_EQ(header->facts.rope_dim, 64u);
  EXPECT_TRUE(header->facts.has_infill);
  EXPECT_EQ(capabilities_of(header->facts, true),
            (std::vector<std::string>{"completion", "infill", "vision"}));
}

TEST(Gguf, encoders_and_rerankers_are_told_by_architecture_and_pooling) {
  Writer bert;
  bert.add("general.architecture", "bert").add("bert.pooling_type", 2u).add_tensor("t", {1}, 0, 4);
  EXPECT_EQ(capabilities_of(read(bert.build())->facts, false),
            std::vector<std::string>{"embedding"});
  Writer rank;
  rank.add("general.architecture", "qwen3")
      .add("qwen3.pooling_type", 4u)
      .add_tensor("t", {1}, 0, 4);
  EXPECT_EQ(capabilities_of(read(rank.build())->facts, false), std::vector<std::string>{"rerank"});
}

TEST(Gguf, a_file_cut_at_any_byte_is_refused) {
  const std::string whole = Writer::tiny_llama().build();
  const std::size_t last_needed = whole.size();  // 256 bytes of the last tensor end the file
  for (std::size_t length = 0; length < last_needed; ++length) {
    const auto header = read(whole.substr(0, length));
    ASSERT_FALSE(header) << length;
    ASSERT_EQ(header.error().message, Message::BadModelFile);
    ASSERT_LE(std::stoull(header.error().args[2]), length);
  }
  EXPECT_TRUE(read(whole));
}

TEST(Gguf, every_byte_of_the_header_may_lie) {
  const std::string whole = Writer::tiny_llama().build();
  for (std::size_t at = 0; at < Writer::tiny_llama().header().size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      (void)read(bytes);  // any answer, but no crash, no huge allocation
    }
  }
}

TEST(Gguf, magic_and_version) {
  const std::string whole = Writer::tiny_llama().build();
  expect_refused(patched(whole, 0, 'X'), "does not begin with 'GGUF'", 0);
  expect_refused(patched(whole, 4, std::uint32_t{1}), "version 1 is not supported", 4);
  expect_refused(patched(whole, 4, std::uint32_t{4}), "version 4 is not supported", 4);
  expect_refused(patched(whole, 4, std::uint32_t{0x03000000}), "big-endian", 4);
  EXPECT_TRUE(read(Writer::tiny_llama().build(2)));
}

TEST(Gguf, counts_and_lengths_beyond_the_bounds) {
  const std::string whole = Writer::tiny_llama().build();
  expect_refused(patched(whole, 8, UINT64_MAX), "tensors, more than", 8);
  expect_refused(patched(whole, 16, UINT64_MAX), "keys, more than", 16);
  expect_refused(patched(whole, 24, UINT64_MAX), "longer than 65535", 24);
  const std::string long_text = minimal().add_raw("k", 8, Writer::number(UINT64_MAX)).build();
  const std::size_t value_at = minimal().header().size() + 9 + 4;
  expect_refused(long_text, "a string is longer", value_at);
  const std::string long_array =
      minimal().add_raw("k", 9, Writer::number(4u) + Writer::number(UINT64_MAX)).build();
  expect_refused(long_array, "items, more than", value_at + 4);
}

TEST(Gguf, types_that_do_not_exist_and_nested_arrays) {
  const std::size_t type_at = minimal().header().size() + 9;
  expect_refused(minimal().add_raw("k", 13, "").build(), "unknown type 13", type_at);
  expect_refused(minimal().add_raw("k", 9, Writer::number(9u) + Writer::number(1ull)).build(),
                 "array of type 9", type_at + 4);
  expect_refused(minimal().add_tensor("t", {32}, 4, 4).build(), "unknown type 4",
                 minimal().header().size() + 9 + 4 + 8);
}

TEST(Gguf, duplicates) {
  const std::size_t second_key = minimal().header().size();
  expect_refused(minimal().add("general.architecture", "x").build(), "appears twice", second_key);
  Writer writer = minimal();
  writer.add_tensor("t", {1}, 0, 4);
  const std::size_t second_tensor = writer.header().size();
  expect_refused(writer.add_tensor("t", {1}, 0, 4).build(), "appears twice", second_tensor);
}

TEST(Gguf, alignment_must_be_a_power_of_two) {
  for (const std::uint32_t wrong : {0u, 3u, 48u}) {
    const Writer writer = minimal().add("general.alignment", wrong);
    expect_refused(writer.build(), "power of two", writer.header().size());
  }
  EXPECT_FALSE(read(minimal().add("general.alignment", "32").add_tensor("t", {1}, 0, 4).build()));
  EXPECT_FALSE(
      read(minimal().add("general.alignment", 1u << 31).add_tensor("t", {1}, 0, 4).build()));
}

TEST(Gguf, dimensions_that_overflow_or_make_no_blocks) {
  const std::size_t shape_at = minimal().header().size() + 9;
  const std::uint64_t huge = std::uint64_t{1} << 62;
  expect_refused(minimal().add_tensor("t", {huge, 4}, 0, 4).build(), "overflow", shape_at);
  expect_refused(minimal().add_tensor("t", {huge}, 0, 4).build(), "overflow", shape_at);
  expect_refused(minimal().add_tensor("t", {0}, 0, 4).build(), "zero", shape_at);
  expect_refused(minimal().add_tensor("t", {33}, 8, 68).build(), "whole blocks", shape_at);
  expect_refused(minimal().add_tensor("t", {1, 1, 1, 1, 1}, 0, 4).build(), "5 dimensions",
                 shape_at);
}

TEST(Gguf, tensors_must_lie_back_to_back_inside_the_file) {
  Writer overlapping = minimal();
  overlapping.add_tensor("a", {8}, 0, 32).add_tensor_at("b", {8}, 0, 32, 0);
  expect_refused(overlapping.build(), "at offset 0 of the data, not 32",
                 overlapping.header().size() - 8);
  Writer hole = minimal();
  hole.add_tensor("a", {8}, 0, 32).add_tensor_at("b", {8}, 0, 32, UINT64_MAX - 31);
  EXPECT_FALSE(read(hole.build()));
  Writer outside = minimal();
  outside.add_tensor("a", {1'000'000}, 0, 32);
  expect_refused(outside.build(), "ends inside tensor 'a'", outside.build().size());
  Writer sums = minimal();
  for (const char* name : {"a", "b", "c"}) {
    sums.add_tensor_at(name, {std::uint64_t{1} << 60}, 0, 0, name[0] == 'a' ? 0 : 1ull << 62);
  }
  EXPECT_FALSE(read(sums.build()));
}

TEST(Gguf, what_is_no_model) {
  expect_refused(minimal().build(), "no tensors", 8);
  Writer nameless;
  nameless.add_tensor("t", {1}, 0, 4);
  EXPECT_FALSE(read(nameless.build()));
}

TEST(Gguf, hostile_text_never_reaches_the_screen_raw) {
  const auto header = read(minimal()
                               .add("general.name", "\xff\xfe")
                               .add("k", std::string(600, 'a'))
                               .add_tensor("t", {1}, 0, 4)
                               .build());
  ASSERT_TRUE(header);
  EXPECT_EQ(header->facts.name, "[2 bytes, not UTF-8]");
  EXPECT_EQ(header->metadata.at("k"), "[600 bytes]");
}

TEST(Gguf, files_whose_header_is_longer_than_one_read) {
  Writer writer = minimal();
  writer.add("big", std::string(3u << 20, 'x')).add("llama.context_length", 77u);
  writer.add_tensor("t", {1}, 0, 4);
  const std::string path = testing::TempDir() + "xc_long_header.gguf";
  std::ofstream(path, std::ios::binary) << writer.build();
  const auto header = read_gguf(path);
  ASSERT_TRUE(header) << text_of(header.error(), Language::En);
  EXPECT_EQ(header->facts.context, 77u);
  std::ofstream(path, std::ios::binary) << writer.build().substr(0, 2u << 20);
  EXPECT_FALSE(read_gguf(path));
  EXPECT_EQ(read_gguf(path + ".absent").error().message, Message::FileMissing);
  EXPECT_EQ(read_gguf(testing::TempDir()).error().message, Message::FileError);
}

TEST(GgufTypes, sizes_and_names) {
  EXPECT_EQ(tensor_type("q8_0")->block_bytes, 34u);
  EXPECT_EQ(tensor_type("Q4_K")->id, 12u);
  EXPECT_EQ(tensor_type(std::uint32_t{4}), nullptr);
  EXPECT_EQ(quantization_name(15), "Q4_K_M");
  EXPECT_EQ(quantization_name(999), "");
}

}  // namespace
}  // namespace xc::catalog
