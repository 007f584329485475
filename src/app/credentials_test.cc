#include "app/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/test_folder.h"

namespace xc::app {
namespace {

TEST(Credentials, AreWrittenForTheirOwnerOnly) {
  const TestFolder folder;
  const std::string path = folder.path("credentials.toml");
  const mode_t before = ::umask(0);
  ASSERT_TRUE(write_credentials(path, {"http://127.0.0.1:8660", "xc-a\"b\\c"}));
  ASSERT_TRUE(write_credentials(path, {"http://127.0.0.1:1234", "xc-a\"b\\c"}));
  ::umask(before);
  struct stat facts{};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600u);
  const Result<Credentials> read = read_credentials(path);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->url, "http://127.0.0.1:1234");
  EXPECT_EQ(read->key, "xc-a\"b\\c");
  // Nothing is left aside.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.root()), {}), 1);
}

TEST(Credentials, BrokenFilesNameTheirLine) {
  const Result<Credentials> read = parse_credentials("url = \"x\"\nkey = \n", "c.toml");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, Message::BadConfig);
  EXPECT_EQ(read.error().args.at(1), "2");
}

TEST(Credentials, AddressesBecomeUrlsOfThisMachine) {
  EXPECT_EQ(url_of_address("0.0.0.0:80", false), "http://127.0.0.1:80");
  EXPECT_EQ(url_of_address("127.0.0.1:8660", true), "https://127.0.0.1:8660");
  EXPECT_EQ(url_of_address("[::]:8660", false), "http://[::1]:8660");
  EXPECT_EQ(url_of_address("unix:/tmp/x", false), "unix:/tmp/x");
  EXPECT_TRUE(is_local_url("http://127.0.0.1:8660"));
  EXPECT_TRUE(is_local_url("http://localhost:8660"));
  EXPECT_TRUE(is_local_url("unix:/tmp/x"));
  EXPECT_FALSE(is_local_url("https://example.org"));
}

TEST(Home, SocketsFitIntoAnAddress) {
  const Home usual{"/root/.xingcha"};
  EXPECT_EQ(usual.sockets(), "/root/.xingcha/data/sockets");
  const Home deep{"/" + std::string(150, 'd')};
  EXPECT_LT(deep.sockets().size(), 60u);
  const Home other{"/" + std::string(151, 'd')};
  EXPECT_NE(deep.sockets(), other.sockets());
}

TEST(Home, FoldersAreClosedToOthers) {
  const TestFolder folder;
  const Home home{folder.path("a/home")};
  ASSERT_TRUE(make_folders(home));
  ASSERT_TRUE(make_folders(home));
  for (const std::string& path : {home.root, home.models(), home.data(), home.sockets()}) {
    struct stat facts{};
    ASSERT_EQ(::stat(path.c_str(), &facts), 0) << path;
    EXPECT_EQ(facts.st_mode & 07777, 0700u) << path;
  }
}

}  // namespace
}  // namespace xc::app
