#include "app/config.h"

#include <gtest/gtest.h>

#include <set>

#include "app/settings.h"

namespace xc::app {
namespace {

ConfigSource source_with(std::map<std::string, std::string> variables = {}, Flags flags = {}) {
  ConfigSource source;
  source.path = "config.toml";
  source.variables = [variables](const char* name) -> std::optional<std::string> {
    const auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional(at->second);
  };
  source.flags = std::move(flags);
  source.language = Language::En;
  return source;
}

Result<Config> parse(std::string_view toml, ConfigSource source = source_with()) {
  return parse_config(toml, "config.toml", source);
}

void expect_bad_line(std::string_view toml, const std::string& line) {
  const Result<Config> config = parse(toml);
  ASSERT_FALSE(config) << toml;
  EXPECT_EQ(config.error().message, Message::BadConfig) << toml;
  EXPECT_EQ(config.error().args.at(0), "config.toml");
  EXPECT_EQ(config.error().args.at(1), line) << toml;
  EXPECT_FALSE(config.error().args.at(2).empty());
}

TEST(Config, DefaultsAreTheTable) {
  const Result<Config> config = parse("");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->listen, "127.0.0.1:8660");
  EXPECT_FALSE(config->insecure);
  EXPECT_EQ(config->models.context, 8192);
  EXPECT_EQ(config->models.keep_alive_s, 300);
  EXPECT_EQ(config->models.kv_type, "f16");
  EXPECT_EQ(config->models.gpu_layers, -1);
  EXPECT_EQ(config->models.target_tbt_ms, 250);
  EXPECT_EQ(config->models.chunk_ram_mib, 512);
  EXPECT_EQ(config->models.chunk_disk_mib, 4096);
  EXPECT_EQ(config->models.speculation, "auto");
  EXPECT_EQ(config->models.queue_max, 256);
  EXPECT_EQ(config->models.queue_per_tenant_max, 0);
  EXPECT_TRUE(config->preload.empty());
}

TEST(Config, LaterSourcesWin) {
  constexpr std::string_view kFile = "[models]\ncontext = 1000\nsequences = 2\nthreads = 3\n";
  const Result<Config> config =
      parse(kFile, source_with({{"XINGCHA_CONTEXT", "2000"}, {"XINGCHA_SEQUENCES", "4"}},
                               {{"models.context", "3000"}}));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->models.context, 3000);  // flag
  EXPECT_EQ(config->models.sequences, 4);   // variable
  EXPECT_EQ(config->models.threads, 3);     // file
  EXPECT_EQ(config->models.batch, 2048);    // default
}

TEST(Config, OneModelStandsAboveAll) {
  constexpr std::string_view kFile = "[model.\"a:b\"]\ncontext = 512\nkeep_alive_s = -1\n";
  const Result<Config> config = parse(kFile, source_with({}, {{"models.context", "3000"}}));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->settings_of("a:b").context, 512);
  EXPECT_EQ(config->settings_of("a:b").keep_alive_s, -1);
  EXPECT_EQ(config->settings_of("a:b").sequences, 64);
  EXPECT_EQ(config->settings_of("other").context, 3000);
}

TEST(Config, MistakesNameTheirLine) {
  expect_bad_line("listen = \"127.0.0.1:1\"\nlistn = 1\n", "2");
  expect_bad_line("[models]\n\ncontex = 1\n", "3");
  expect_bad_line("[modelz]\ncontext = 1\n", "1");
  expect_bad_line("[models]\ncontext = \"many\"\n", "2");
  expect_bad_line("insecure = 1\n", "1");
  expect_bad_line("insecure = true\nlisten = = 1\n", "2");
  expect_bad_line("models = 3\n", "1");
  expect_bad_line("[models]\npreload = [1]\n", "2");
  expect_bad_line("[model.x]\npreload = [\"a\"]\n", "2");
  expect_bad_line("[model.x]\n\nlisten = \"127.0.0.1:1\"\n", "3");
  expect_bad_line("model = 1\n", "1");
  expect_bad_line("[model]\nx = 1\n", "2");
}

TEST(Config, AValueOfTheWrongTypeNamesItsSetting) {
  constexpr std::pair<std::string_view, std::string_view> kCases[] = {
      {"[models]\ncontext = \"many\"\n", "models.context must be an integer"},
      {"insecure = 1\n", "insecure must be true or false"},
      {"listen = 7\n", "listen must be a string"},
      {"[models]\npreload = [1]\n", "models.preload must be an array"},
      {"[model.x]\ncontext = true\n", "models.context must be an integer"},
  };
  for (const auto& [toml, words] : kCases) {
    const Result<Config> config = parse(toml);
    ASSERT_FALSE(config) << toml;
    const std::string said = text_of(config.error(), Language::En);
    EXPECT_NE(said.find(words), std::string::npos) << said;
  }
}

TEST(Config, BadValuesNameTheirOrigin) {
  Result<Config> config = parse("[models]\ncontext = 5\n");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message, Message::BadSetting);
  EXPECT_EQ(config.error().args.at(0), "models.context (config.toml:2)");
  EXPECT_EQ(config.error().args.at(1), "5");

  config = parse("", source_with({{"XINGCHA_KV_TYPE", "q9"}}));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().args.at(0), "XINGCHA_KV_TYPE");

  config = parse("", source_with({}, {{"listen", "nowhere"}}));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().args.at(0), "--listen");

  config = parse("", source_with({}, {{"models.context", "12x"}}));
  EXPECT_FALSE(config);
  config = parse("", source_with({}, {{"models.context", "99999999999999999999"}}));
  EXPECT_FALSE(config);
}

TEST(Config, TlsFilesComeInPairsAndFromTheHome) {
  EXPECT_FALSE(parse("[tls]\ncertificate = \"c.pem\"\n"));
  ConfigSource source = source_with();
  source.root = "/home/x";
  const Result<Config> config = parse("[tls]\ncertificate = \"c.pem\"\nkey = \"/k.pem\"\n", source);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->tls_certificate, "/home/x/c.pem");
  EXPECT_EQ(config->tls_key, "/k.pem");
}

TEST(Config, PrintedConfigReadsBackTheSame) {
  constexpr std::string_view kFile =
      "listen = \"[::1]:0\"\ninsecure = true\ndatabase = \"a \\\"b\\\" \\\\ 中\"\n"
      "[models]\npreload = [\"m1\", \"m2:q4\"]\nkv_type = \"q8_0\"\ngpu_layers = 7\n"
      "[log]\nlevel = \"debug\"\n[model.\"x y\"]\ncontext = 640\n";
  const Result<Config> first = parse(kFile);
  ASSERT_TRUE(first) << text_of(first.error(), Language::En);
  for (const Language language : {Language::Zh, Language::En}) {
    const std::string printed = print_config(*first, language);
    const Result<Config> second = parse(printed);
    ASSERT_TRUE(second) << text_of(second.error(), Language::En) << printed;
    EXPECT_EQ(print_config(*second, language), printed);
    EXPECT_EQ(second->database, first->database);
    EXPECT_EQ(second->preload, first->preload);
    EXPECT_EQ(second->settings_of("x y").context, 640);
    EXPECT_EQ(second->settings_of("x y").kv_type, "q8_0");
  }
}

TEST(Settings, EveryRowIsWholeAndUnique) {
  std::set<std::string_view> names, flags, variables;
  for (const Setting& setting : all_settings()) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_TRUE(flags.insert(setting.flag).second) << setting.flag;
    EXPECT_TRUE(variables.insert(setting.variable).second) << setting.variable;
    EXPECT_TRUE(setting.flag.starts_with("--"));
    EXPECT_TRUE(setting.variable.starts_with("XINGCHA_"));
    EXPECT_FALSE(setting.help.zh.empty());
    EXPECT_FALSE(setting.help.en.empty());
    EXPECT_EQ(find_setting(setting.name), &setting);
    // A row whose kind does not match its field would silently change nothing.
    using Kind = Setting::Kind;
    if (setting.kind != Kind::Integer && setting.kind != Kind::Choice) continue;
    Config config;
    const bool integer = setting.kind == Kind::Integer;
    const std::string value =
        integer ? std::to_string(setting.high)
                : std::string(setting.choices.substr(setting.choices.rfind(' ') + 1));
    ASSERT_TRUE(put_setting(setting, value, "", Language::En, config, config.models));
    EXPECT_EQ(toml_of(setting, config, config.models), integer ? value : toml_quoted(value));
  }
}

TEST(Settings, HostileTextIsAnError) {
  for (const std::string_view text :
       {std::string_view("\0\0\0", 3), std::string_view("[[[[[[[["), std::string_view("a=\"\xff\""),
        std::string_view("[model.\"\"]\n[model.\"\"]"), std::string_view("a.b.c.d=1")}) {
    EXPECT_FALSE(parse(text));
  }
  const std::string deep = "x=" + std::string(100'000, '[');
  EXPECT_FALSE(parse(deep));
}

TEST(Config, ANamedFileMustExist) {
  ConfigSource source = source_with();
  source.path = "/nonexistent/config.toml";
  EXPECT_TRUE(load_config(source));
  source.path_required = true;
  const Result<Config> config = load_config(source);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message, Message::FileMissing);
}

}  // namespace
}  // namespace xc::app
