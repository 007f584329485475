#include "fleet/pool_store.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"

namespace xc::fleet {
namespace {

struct PoolStoreTest : testing::Test {
  TestFolder folder;
  std::unique_ptr<store::Database> database = *store::Database::open(folder.path("t.db"));
  SystemRandom random;
  secrets::MasterKey master{random};
  PoolStore store{*database, master};

  EndpointRow endpoint() {
    EndpointRow row;
    row.name = "e1";
    row.pool = "p";
    row.url = "https://host:8443/base/v1/";
    row.vendor = schema::Vendor::MindIe;
    row.key = "sk-1";
    row.state = EndpointState::Draining;
    row.rank = 3;
    row.price = 4;
    row.start_timeout_ms = 5;
    row.stall_timeout_ms = 6;
    row.link_local = true;
    return row;
  }
};

TEST_F(PoolStoreTest, RowsComeBackAsTheyWerePut) {
  const PoolRow pool{"p", "cn-bj", "Atlas 800", Secrecy::Confidential, Policy::Price};
  ASSERT_TRUE(store.put(pool));
  ASSERT_TRUE(store.put(endpoint()));
  const std::vector<ModelRoute> routes{{"m", "p", "upstream", 90, 250},
                                       {"m", "local", "mine", 10, 250}};
  ASSERT_TRUE(store.put_routes("m", routes));
  const Clearance clearance{"t", Secrecy::Internal, "cn-bj"};
  ASSERT_TRUE(store.put(clearance));
  EndpointRow kept = endpoint();
  kept.url = "https://host:8443/base";
  const PoolTable table = *store.load();
  EXPECT_EQ(table.pools, std::vector{pool});
  EXPECT_EQ(table.endpoints, std::vector{kept});
  EXPECT_EQ(table.routes, routes);
  EXPECT_EQ(table.clearances, std::vector{clearance});
}

TEST_F(PoolStoreTest, KeysLieThereSealed) {
  const auto kept = [this] {
    return std::get<std::string>(database->query("SELECT secret FROM endpoints")->at(0).at(0));
  };
  ASSERT_TRUE(store.put(PoolRow{.name = "p", .region = "", .hardware = ""}));
  ASSERT_TRUE(store.put(endpoint()));
  EXPECT_EQ(kept().find("sk-1"), std::string::npos) << kept();
  EXPECT_EQ(store.load()->endpoints.at(0).key, "sk-1");
  // As an older program left it.
  ASSERT_TRUE(database->execute("UPDATE endpoints SET secret = 'sk-old'"));
  EXPECT_EQ(store.load()->endpoints.at(0).key, "sk-old");
  const std::int64_t before = *store.version();
  EXPECT_EQ(secrets::seal_anew(*database, master, endpoint_key_column())->sealed, 1);
  EXPECT_EQ(kept().find("sk-old"), std::string::npos);
  EXPECT_EQ(store.load()->endpoints.at(0).key, "sk-old");
  EXPECT_GT(*store.version(), before) << "other gateways read it again";
  EXPECT_EQ(secrets::seal_anew(*database, master, endpoint_key_column())->sealed, 0);
}

TEST_F(PoolStoreTest, AKeyOpensAtItsEndpointAndAddressOnly) {
  ASSERT_TRUE(store.put(PoolRow{.name = "p", .region = "", .hardware = ""}));
  ASSERT_TRUE(store.put(endpoint()));
  for (const char* change : {"name = 'e2'", "url = 'http://evil'"}) {
    ASSERT_TRUE(database->execute(std::string("UPDATE endpoints SET ") + change));
    EXPECT_EQ(store.load()->endpoints.at(0).key, "") << change;
    ASSERT_TRUE(
        database->execute("UPDATE endpoints SET name = 'e1', url = 'https://host:8443/base'"));
    EXPECT_EQ(store.load()->endpoints.at(0).key, "sk-1");
  }
}

TEST_F(PoolStoreTest, AKeyOfAnotherMasterKeyIsSaidAndKept) {
  ASSERT_TRUE(store.put(PoolRow{.name = "p", .region = "", .hardware = ""}));
  ASSERT_TRUE(store.put(endpoint()));
  const secrets::MasterKey others(random);
  PoolStore wrong(*database, others);
  EndpointRow row = wrong.load()->endpoints.at(0);
  EXPECT_EQ(row.key, "");
  EXPECT_FALSE(row.unread.empty());
  row.state = EndpointState::Paused;
  ASSERT_TRUE(wrong.put(row));
  EXPECT_EQ(store.load()->endpoints.at(0).key, "sk-1");  // the right one came back
  row.key = "sk-2";
  ASSERT_TRUE(wrong.put(row));
  EXPECT_EQ(wrong.load()->endpoints.at(0).key, "sk-2");
  EXPECT_EQ(store.load()->endpoints.at(0).key, "");
}

TEST_F(PoolStoreTest, EveryChangeIsAnotherVersion) {
  EXPECT_EQ(*store.version(), 0);
  ASSERT_TRUE(store.put(PoolRow{.name = "p", .region = "", .hardware = ""}));
  ASSERT_TRUE(store.put(endpoint()));
  EXPECT_EQ(*store.version(), 2);
  ASSERT_TRUE(store.remove_endpoint("e1"));
  ASSERT_TRUE(store.remove_pool("p"));
  EXPECT_EQ(*store.version(), 4);
  EXPECT_TRUE(store.load()->empty());
}

TEST_F(PoolStoreTest, WhatIsUsedStaysAndWhatIsNotThereIsSaid) {
  EXPECT_EQ(store.put(endpoint()).error().message, Message::NoPool);
  ASSERT_TRUE(store.put(PoolRow{.name = "p", .region = "", .hardware = ""}));
  ASSERT_TRUE(store.put(endpoint()));
  EXPECT_EQ(store.remove_pool("p").error().message, Message::PoolUsed);
  EXPECT_EQ(store.remove_pool("q").error().message, Message::NoPool);
  EXPECT_EQ(store.remove_endpoint("q").error().message, Message::NoEndpoint);
  EXPECT_EQ(store.put_routes("m", {{"m", "q", "x", 1}}).error().message, Message::NoPool);
  ASSERT_TRUE(store.put_routes("m", {{"m", "p", "x", 1}}));
  ASSERT_TRUE(store.put_routes("m", {}));
  EXPECT_TRUE(store.load()->routes.empty());
}

TEST_F(PoolStoreTest, WhatIsRefused) {
  ASSERT_TRUE(store.put(PoolRow{.name = "p", .region = "", .hardware = ""}));
  const auto refused = [this](auto change) {
    EndpointRow row = endpoint();
    row.link_local = false;
    change(row);
    const Status put = store.put(row);
    return !put && put.error().message == Message::BadSetting;
  };
  EXPECT_TRUE(refused([](EndpointRow& row) { row.name = "UPPER"; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.url = "ftp://host"; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.url = "unix:/run/docker.sock"; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.url = "http://user:word@host"; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.url = "http://host/\r\nX-Evil: 1"; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.url = "http://169.254.169.254/v1"; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.url = "http://[fe80::1]:80"; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.key = "a\r\nX-Evil: 1"; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.key = "a b"; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.pool = "local"; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.start_timeout_ms = 0; }));
  EXPECT_TRUE(refused([](EndpointRow& row) { row.continues = true; }));  // not MindIE
  EXPECT_FALSE(refused([](EndpointRow& row) {
    row.vendor = schema::Vendor::Vllm;
    row.continues = true;
  }));
  EXPECT_TRUE(store.load()->endpoints.at(0).continues);
  EXPECT_FALSE(refused([](EndpointRow&) {}));
  // The key is in no error.
  EndpointRow row = endpoint();
  row.key = "sk bad";
  EXPECT_EQ(text_of(store.put(row).error(), Language::En).find("sk"), std::string::npos);
}

}  // namespace
}  // namespace xc::fleet
