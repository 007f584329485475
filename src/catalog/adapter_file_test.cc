#include "catalog/adapter_file.h"

#include <functional>

#include "catalog/manifest.h"
#include "catalog/store_test_fixture.h"

namespace xc::catalog {
namespace {

constexpr std::uint32_t kF32 = 0;

struct AdapterTest : StoreTest {
  static GgufTestWriter head(std::string_view architecture = "llama",
                             std::string_view type = "lora") {
    GgufTestWriter writer;
    writer.add("general.architecture", architecture).add("general.type", "adapter");
    writer.add("adapter.type", type).add("adapter.lora.alpha", 8.0F);
    return writer;
  }
  // A pair for a matrix [in, out] of rank 2.
  static void add_pair(GgufTestWriter& writer, const std::string& name, std::uint64_t in,
                       std::uint64_t out) {
    writer.add_tensor(name + ".lora_a", {in, 2}, kF32, in * 2 * 4);
    writer.add_tensor(name + ".lora_b", {2, out}, kF32, out * 2 * 4);
  }
  static std::string good(std::uint64_t in = 32, std::uint64_t out = 48) {
    GgufTestWriter writer = head();
    add_pair(writer, "blk.0.attn_q.weight", in, out);
    return writer.build();
  }
  void SetUp() override {
    GgufTestWriter model = GgufTestWriter::tiny_llama();
    model.add_tensor("blk.0.attn_q.weight", {32, 48}, kF32, std::uint64_t{32} * 48 * 4);
    ASSERT_TRUE(store().import_file(put("base.gguf", model.build()), "base", "", nullptr));
  }
  // Why the file is refused; "taken" when it is not.
  std::string refused(const std::string& bytes) {
    const auto taken = store().import_adapter(put("a.gguf", bytes), "base", "x", nullptr);
    if (taken) return "taken";
    EXPECT_EQ(taken.error().message, Message::BadModelFile);
    return taken.error().args[1];
  }
};

TEST_F(AdapterTest, import_names_it_after_its_model) {
  const std::string path = put("legal.gguf", good());
  const auto adapter = store().import_adapter(path, "BASE:latest", "Legal", nullptr);
  ASSERT_TRUE(adapter) << text_of(adapter.error(), Language::En);
  EXPECT_EQ(adapter->name, "base:legal");
  EXPECT_EQ(adapter->adapter_of, "base");
  EXPECT_EQ(adapter->sha256, sha256(good()));
  const auto found = store().find("base:legal");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->adapter_of, "base");
  EXPECT_EQ(found->capabilities, (std::vector<std::string>{"adapter"}));
  EXPECT_TRUE(store().check(*found));
  EXPECT_TRUE(store().verify(*found, nullptr));
  EXPECT_EQ(store().list().size(), 2u);
  EXPECT_NE(read(models() + "/manifests/base:legal.json").find("\"format\":2"), std::string::npos);
  EXPECT_NE(read(models() + "/manifests/base.json").find("\"format\":1"), std::string::npos);
}

TEST_F(AdapterTest, names_that_are_none) {
  const std::string path = put("a.gguf", good());
  const auto why = [&](std::string_view model, std::string_view name) {
    const auto taken = store().import_adapter(path, model, name, nullptr);
    return taken ? Message::InternalError : taken.error().message;
  };
  EXPECT_EQ(why("nobody", "x"), Message::NoModel);
  EXPECT_EQ(why("base", "a/b"), Message::BadModelName);
  EXPECT_EQ(why("base", ""), Message::BadModelName);
  EXPECT_EQ(why("base", "a:b"), Message::BadAdapterName);
  EXPECT_EQ(why("base", std::string(125, 'x')), Message::BadModelName);  // with the model's: 130
  ASSERT_TRUE(store().import_adapter(path, "base", "x", nullptr));
  EXPECT_EQ(why("base", "X"), Message::NameTaken);
  EXPECT_EQ(why("base:x", "y"), Message::BadAdapterBase);
}

TEST_F(AdapterTest, files_that_are_no_adapter_of_it) {
  EXPECT_NE(refused(model_bytes()).find("not an adapter"), std::string::npos);
  GgufTestWriter control = head("llama", "control");
  add_pair(control, "blk.0.attn_q.weight", 32, 48);
  EXPECT_NE(refused(control.build()).find("'control'"), std::string::npos);
  GgufTestWriter other = head("qwen2");
  add_pair(other, "blk.0.attn_q.weight", 32, 48);
  EXPECT_NE(refused(other.build()).find("qwen2"), std::string::npos);
  GgufTestWriter norms = head();
  norms.add_tensor("blk.0.attn_norm.weight", {64}, kF32, 256);
  EXPECT_NE(refused(norms.build()).find("no lora_a"), std::string::npos);
  EXPECT_NE(refused(good(32, 47)).find("another shape"), std::string::npos);
  EXPECT_NE(refused(good(31, 48)).find("another shape"), std::string::npos);
  GgufTestWriter unknown = head();
  add_pair(unknown, "blk.9.attn_q.weight", 32, 48);
  EXPECT_NE(refused(unknown.build()).find("no tensor 'blk.9.attn_q.weight'"), std::string::npos);
  GgufTestWriter half = head();
  half.add_tensor("blk.0.attn_q.weight.lora_a", {32, 2}, kF32, 256);
  EXPECT_NE(refused(half.build()).find("only one"), std::string::npos);
  GgufTestWriter stray = head();
  add_pair(stray, "blk.0.attn_q.weight", 32, 48);
  stray.add_tensor("blk.0.attn_q.weight", {8}, kF32, 32);
  EXPECT_NE(refused(stray.build()).find("neither"), std::string::npos);
  GgufTestWriter activated = head();
  add_pair(activated, "blk.0.attn_q.weight", 32, 48);
  activated.add("adapter.alora.invocation_tokens", std::vector<std::uint32_t>{1, 2});
  EXPECT_NE(refused(activated.build()).find("activated"), std::string::npos);
  EXPECT_EQ(store().list().size(), 1u);
  EXPECT_EQ(files_in(models() + "/blobs"), 1u);
  // And as a model it is none, with a word on what to do.
  const auto as_model = store().import_file(put("l.gguf", good()), "l", "", nullptr);
  EXPECT_NE(as_model.error().args[1].find("--adapter-of"), std::string::npos);
}

TEST_F(AdapterTest, a_model_stays_as_long_as_its_adapters) {
  ASSERT_TRUE(store().import_adapter(put("a.gguf", good()), "base", "x", nullptr));
  EXPECT_EQ(store().remove("base").error().message, Message::HasAdapters);
  ASSERT_TRUE(store().remove("base:x"));
  EXPECT_EQ(files_in(models() + "/blobs"), 1u);
  EXPECT_TRUE(store().remove("base"));
  EXPECT_EQ(files_in(models() + "/blobs"), 0u);
}

TEST_F(AdapterTest, a_manifest_under_anothers_name_is_left_out) {
  ASSERT_TRUE(store().import_adapter(put("a.gguf", good()), "base", "x", nullptr));
  const std::string path = models() + "/manifests/base:x.json";
  std::string text = read(path);
  text.replace(text.find("\"adapter_of\":\"base\""), 19, "\"adapter_of\":\"else\"");
  std::ofstream(path, std::ios::binary) << text;
  EXPECT_FALSE(store().find("base:x"));
}

}  // namespace
}  // namespace xc::catalog
