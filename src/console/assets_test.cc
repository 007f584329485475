#include "console/assets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "console/asset_table.h"

namespace xc::console {
namespace {

TEST(Assets, SlashIsTheStartPage) {
  const Asset* page = find_asset("/");
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page, find_asset("/index.html"));
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  EXPECT_FALSE(page->immutable);  // a new program must show its new console
}

TEST(Assets, EveryAssetIsFoundByItsPath) {
  ASSERT_FALSE(asset_table().empty());
  EXPECT_TRUE(std::ranges::is_sorted(asset_table(), {}, &Asset::path));
  std::set<std::string_view> paths;
  for (const Asset& asset : asset_table()) {
    EXPECT_EQ(find_asset(asset.path), &asset) << asset.path;
    EXPECT_TRUE(asset.path.starts_with('/')) << asset.path;
    EXPECT_TRUE(paths.insert(asset.path).second) << asset.path;
  }
}

TEST(Assets, AreWholeGzipFilesWithATypeAndAValidator) {
  for (const Asset& asset : asset_table()) {
    ASSERT_GE(asset.gzip.size(), 18U) << asset.path;
    EXPECT_EQ(asset.gzip.substr(0, 3), "\x1f\x8b\x08") << asset.path;
    EXPECT_EQ(asset.gzip.substr(4, 4), std::string_view("\0\0\0\0", 4)) << "a time in it";
    EXPECT_NE(asset.content_type, "") << asset.path;
    EXPECT_GE(asset.etag.size(), 18U) << asset.path;
    EXPECT_TRUE(asset.etag.starts_with('"') && asset.etag.ends_with('"')) << asset.path;
    EXPECT_EQ(asset.immutable, asset.path.starts_with("/assets/")) << asset.path;
  }
}

TEST(Assets, NothingElseIsThere) {
  for (std::string_view path :
       {"", "index.html", "/index.html/", "/nothing", "//", "/../index.html", "/assets/", "/assets",
        "/INDEX.HTML", "/index.html?x=1"}) {
    EXPECT_EQ(find_asset(path), nullptr) << path;
  }
}

TEST(Assets, ThePolicyAllowsNothingFromOutside) {
  EXPECT_TRUE(kContentSecurityPolicy.starts_with("default-src 'none'; script-src 'self'; "));
  EXPECT_FALSE(kContentSecurityPolicy.contains("unsafe-eval"));
  EXPECT_FALSE(kContentSecurityPolicy.contains("http"));
  EXPECT_FALSE(kContentSecurityPolicy.contains('*'));
}

}  // namespace
}  // namespace xc::console
