#include "app/config_reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xc::app {
namespace {

using testing::ElementsAre;

Config config_of(std::string_view toml) {
  ConfigSource source;
  source.root = "/home";
  source.language = Language::En;
  const Result<Config> config = parse_config(toml, "config.toml", source);
  EXPECT_TRUE(config) << toml;
  return config ? *config : Config{};
}

std::vector<std::string> names(const std::vector<ConfigChange>& changes, bool live) {
  std::vector<std::string> found;
  for (const ConfigChange& change : changes) {
    if (change.live == live) found.push_back(change.setting);
  }
  return found;
}

TEST(ConfigReload, TellsWhatIsInForceAndWhatWaits) {
  const Config old = config_of("listen = '127.0.0.1:1'\n[models]\ncontext = 1024\n");
  const Config fresh = config_of(
      "listen = '127.0.0.1:2'\nio_threads = 3\n[log]\nlevel = 'debug'\n[models]\ncontext = 2048\n"
      "preload = ['a']\n[model.m]\nthreads = 2\n");
  const auto changes = changes_between(old, fresh);
  EXPECT_THAT(names(changes, true), ElementsAre("log.level", "models.context", "model.m"));
  EXPECT_THAT(names(changes, false), ElementsAre("listen", "io_threads", "models.preload"));
  const Config merged = with_live_settings(old, fresh);
  EXPECT_EQ(merged.listen, "127.0.0.1:1");
  EXPECT_EQ(merged.log_level, "debug");
  EXPECT_EQ(merged.settings_of("m").threads, 2);
  EXPECT_EQ(merged.models.context, 2048);
  EXPECT_THAT(names(changes_between(merged, fresh), false),
              ElementsAre("listen", "io_threads", "models.preload"));
  EXPECT_TRUE(names(changes_between(merged, fresh), true).empty());
}

TEST(ConfigReload, TlsChangesButDoesNotComeOrGo) {
  const Config plain = config_of("");
  const Config secure = config_of("[tls]\ncertificate = 'a'\nkey = 'b'\n");
  const Config other = config_of("[tls]\ncertificate = 'c'\nkey = 'd'\nmin_version = '1.2'\n");
  EXPECT_THAT(names(changes_between(plain, secure), false),
              ElementsAre("tls.certificate", "tls.key"));
  EXPECT_EQ(with_live_settings(plain, secure).tls_certificate, "");
  EXPECT_THAT(names(changes_between(secure, other), true),
              ElementsAre("tls.certificate", "tls.key", "tls.min_version"));
  EXPECT_EQ(with_live_settings(secure, other).tls_certificate, "/home/c");
}

TEST(ConfigReload, SecretsAreNotShown) {
  const Setting* database = find_setting("database");
  Config config = config_of("database = 'postgresql://xc:hunter2@db/xc?sslmode=require'\n");
  const std::string shown = shown_value(*database, config);
  EXPECT_EQ(shown.find("hunter2"), std::string::npos) << shown;
  EXPECT_NE(shown.find("@db/xc"), std::string::npos) << shown;
  EXPECT_EQ(shown_value(*find_setting("listen"), config), "\"127.0.0.1:8660\"");
}

}  // namespace
}  // namespace xc::app
