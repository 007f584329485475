#include "convert/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/gguf.h"
#include "catalog/sha256.h"
#include "convert/checkpoint_test_folder.h"
#include "convert/general.h"
#include "convert/gguf_writer.h"

namespace xc::convert {
namespace {

using testing::HasSubstr;

ConvertOptions options_of(const CheckpointFolder& folder, const std::string& type = "f32") {
  ConvertOptions options;
  options.folder = folder.root();
  options.output = folder.path("out.gguf");
  options.type = type;
  options.version = "1";
  options.threads = 1;
  return options;
}

TEST(Convert, WritesAFileThatOurReaderAccepts) {
  const CheckpointFolder folder;
  write_tiny(folder);
  folder.write("README.md", "---\nlicense: apache-2.0\n---\ntext");
  for (const char* type : {"f32", "f16", "bf16", "q8_0"}) {
    const auto done = convert(options_of(folder, type), nullptr);
    ASSERT_TRUE(done) << done.error().args.at(0);
    const auto header = catalog::read_gguf(folder.path("out.gguf"));
    ASSERT_TRUE(header) << header.error().args.at(1);
    EXPECT_EQ(header->facts.architecture, "llama");
    EXPECT_EQ(header->facts.licence, "LicenseRef-TeleChat");  // whatever the README says
    EXPECT_EQ(header->facts.vocabulary, 12u);
    EXPECT_EQ(header->facts.parameters, done->parameters);
    EXPECT_EQ(header->facts.file_bytes, done->bytes);
    EXPECT_FALSE(folder.has("out.gguf.part"));
    EXPECT_FALSE(folder.has("out.gguf.part.journal"));
    std::filesystem::remove(folder.path("out.gguf"));
  }
}

TEST(Convert, SaysWhichBytesItComesFrom) {
  const CheckpointFolder folder;
  write_tiny(folder);
  ASSERT_TRUE(convert(options_of(folder), nullptr));
  const std::string written = folder.read("out.gguf");
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
    catalog::Sha256 digest;
    digest.add(folder.read(name));
    EXPECT_THAT(written, HasSubstr(std::string(name) + " " + digest.finish()));
  }
}

// The threads share the work in any order; the bytes are the same.
TEST(Convert, ThreadsChangeNothing) {
  const CheckpointFolder folder;
  write_tiny(folder);
  ConvertOptions options = options_of(folder);
  ASSERT_TRUE(convert(options, nullptr));
  const std::string whole = folder.read("out.gguf");
  for (const unsigned threads : {0u, 2u, 5u, 100u}) {
    std::filesystem::remove(folder.path("out.gguf"));
    options.threads = threads;
    std::uint64_t last = 0, all = 0;
    ASSERT_TRUE(convert(options, [&](std::uint64_t done, std::uint64_t total) {
      EXPECT_GT(done, last);
      last = done;
      all = total;
      return true;
    }));
    EXPECT_EQ(all, std::filesystem::file_size(folder.path("model.safetensors")) + whole.size());
    EXPECT_LE(last, all);
    EXPECT_EQ(folder.read("out.gguf"), whole);
  }
}

TEST(Convert, ThreadsEndTogether) {
  const CheckpointFolder folder;
  write_tiny(folder);
  auto tensors = tiny_tensors();
  tensors["transformer.h.0.mlp.up_proj.weight"].values = {NAN};
  folder.write("model.safetensors", safetensors_bytes(tensors));
  ConvertOptions options = options_of(folder);
  options.threads = 4;
  for (int i = 0; i < 20; ++i) {
    const auto done = convert(options, nullptr);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message, Message::BadCheckpoint);
    EXPECT_FALSE(folder.has("out.gguf"));
  }
}

TEST(Convert, NoticesFilesThatChangeMeanwhile) {
  const CheckpointFolder folder;
  write_tiny(folder);
  bool changed = false;
  const auto done = convert(options_of(folder), [&](std::uint64_t, std::uint64_t) {
    if (!changed) {
      std::filesystem::last_write_time(
          folder.path("model.safetensors"),
          std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    }
    return changed = true;
  });
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().args.at(1), HasSubstr("changed while"));
  EXPECT_FALSE(folder.has("out.gguf"));
}

TEST(Convert, KeepsAnExistingFile) {
  const CheckpointFolder folder;
  write_tiny(folder);
  folder.write("out.gguf", "mine");
  const auto done = convert(options_of(folder), nullptr);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, Message::OutputExists);
  EXPECT_EQ(folder.read("out.gguf"), "mine");
}

// Cancelled after every possible number of pieces, then continued: the same bytes, and what was
// whole is not written again.
TEST(Convert, ContinuesWhereItWasEnded) {
  const CheckpointFolder folder;
  write_tiny(folder);
  ASSERT_TRUE(convert(options_of(folder), nullptr));
  const std::string whole = folder.read("out.gguf");
  std::filesystem::remove(folder.path("out.gguf"));
  bool kept_something = false;
  for (int stop = 1; stop < 17; ++stop) {
    int pieces = 0;
    ConvertOptions options = options_of(folder);
    options.threads = stop % 3 == 0 ? 3 : 1;
    const auto cut =
        convert(options, [&](std::uint64_t, std::uint64_t) { return ++pieces < stop; });
    if (!cut) {
      EXPECT_EQ(cut.error().code, Code::Cancelled);
      EXPECT_FALSE(folder.has("out.gguf"));
    } else {
      std::filesystem::remove(folder.path("out.gguf"));
    }
    const auto done = convert(options_of(folder), nullptr);
    ASSERT_TRUE(done);
    kept_something = kept_something || done->kept_bytes > 0;
    EXPECT_EQ(folder.read("out.gguf"), whole);
    std::filesystem::remove(folder.path("out.gguf"));
  }
  EXPECT_TRUE(kept_something);
}

TEST(Convert, BelievesNoJournalWithoutTheBytes) {
  const CheckpointFolder folder;
  write_tiny(folder);
  ASSERT_TRUE(convert(options_of(folder), nullptr));
  const std::string whole = folder.read("out.gguf");
  std::filesystem::remove(folder.path("out.gguf"));
  int pieces = 0;
  ASSERT_FALSE(
      convert(options_of(folder), [&](std::uint64_t, std::uint64_t) { return ++pieces < 10; }));
  std::string part = folder.read("out.gguf.part");
  part.back() = static_cast<char>(part.back() + 1);
  for (std::size_t i = part.size() / 2; i < part.size(); i += 7) part[i] = 'x';
  folder.write("out.gguf.part", part);
  ASSERT_TRUE(convert(options_of(folder), nullptr));
  EXPECT_EQ(folder.read("out.gguf"), whole);
  // Other weights: the journal of the old ones is thrown away.
  std::filesystem::remove(folder.path("out.gguf"));
  pieces = 0;
  ASSERT_FALSE(
      convert(options_of(folder), [&](std::uint64_t, std::uint64_t) { return ++pieces < 10; }));
  auto tensors = tiny_tensors();
  tensors["transformer.ln_f.weight"].values = {3.0f};
  folder.write("model.safetensors", safetensors_bytes(tensors));
  const auto done = convert(options_of(folder), nullptr);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->kept_bytes, 0u);
}

TEST(Convert, RefusesNumbersThatTheTypeCannotHold) {
  const CheckpointFolder folder;
  write_tiny(folder);
  auto tensors = tiny_tensors();
  tensors["lm_head.weight"].values = {1.0f, 70'000.0f};
  folder.write("model.safetensors", safetensors_bytes(tensors));
  const auto large = convert(options_of(folder, "f16"), nullptr);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().args.at(0), "lm_head.weight");
  EXPECT_THAT(large.error().args.at(1), HasSubstr("row 0 of 'output.weight' holds 70000"));
  EXPECT_TRUE(convert(options_of(folder, "bf16"), nullptr));
  std::filesystem::remove(folder.path("out.gguf"));
  tensors["lm_head.weight"].values = {1.0f, NAN};
  folder.write("model.safetensors", safetensors_bytes(tensors));
  const auto damaged = convert(options_of(folder, "f32"), nullptr);
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().args.at(1), HasSubstr("damaged"));
}

TEST(Convert, SaysWhichTypesItWrites) {
  const CheckpointFolder folder;
  write_tiny(folder);
  const auto done = convert(options_of(folder, "q4_k_m"), nullptr);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, Message::BadValue);
}

TEST(GgufWriter, OneWriterAtATime) {
  const CheckpointFolder folder;
  const std::vector<GgufOutput> tensors{{"w", {2}, OutputType::F32}};
  const Metadata metadata{{"general.architecture", std::string("x")}};
  const auto first = GgufWriter::open(folder.path("o"), metadata, tensors, "", nullptr);
  ASSERT_TRUE(first);
  const auto second = GgufWriter::open(folder.path("o"), metadata, tensors, "", nullptr);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, Message::ConvertBusy);
}

TEST(General, FindsTheLicence) {
  EXPECT_EQ(licence_of("---\nlanguage: zh\nlicense: mit\n---\n"), "mit");
  EXPECT_EQ(licence_of("---\nlicense: other\nlicense_name: 'telechat'\n---\n"), "telechat");
  EXPECT_EQ(licence_of("---\nx: y\n---\nlicense: mit\n"), "");
  EXPECT_EQ(licence_of("# Title\nlicense: mit\n"), "");
  EXPECT_EQ(licence_of("---"), "");
}

}  // namespace
}  // namespace xc::convert
