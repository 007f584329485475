#include "fleet/endpoint_keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "store/test_folder.h"

namespace xc::fleet {
namespace {

struct EndpointKeysTest : testing::Test {
  store::TestFolder folder;
  SystemRandom random;
  std::string path = folder.path("master.key");

  static unsigned mode_of(const std::string& file) {
    struct stat facts{};
    EXPECT_EQ(::stat(file.c_str(), &facts), 0);
    return facts.st_mode & 07777;
  }
  void write(const std::string& text) { std::ofstream(path) << text; }
};

TEST_F(EndpointKeysTest, TheFileIsMadeOnceAndForItsOwnerAlone) {
  EXPECT_FALSE(look_at_master_key(path)->exists);
  const auto first = EndpointKeys::open(path, random);
  ASSERT_TRUE(first) << text_of(first.error(), Language::En);
  EXPECT_EQ(mode_of(path), 0600u);
  const auto sealed = first->seal("e", "http://h", "sk-1");
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->find("sk-1"), std::string::npos);
  const auto second = EndpointKeys::open(path, random);
  EXPECT_EQ(*second->unseal("e", "http://h", *sealed), "sk-1");
  const auto facts = look_at_master_key(path);
  EXPECT_TRUE(facts->exists && !facts->open_to_others);
  EXPECT_EQ(*first->seal("e", "http://h", ""), "");
}

TEST_F(EndpointKeysTest, NoTextTwice) {
  const EndpointKeys keys(random);
  EXPECT_NE(*keys.seal("e", "u", "sk-1"), *keys.seal("e", "u", "sk-1"));
}

TEST_F(EndpointKeysTest, AKeyOpensAtItsEndpointAndAddressOnly) {
  const EndpointKeys keys(random);
  const std::string sealed = *keys.seal("e", "http://h", "sk-1");
  EXPECT_EQ(*keys.unseal("e", "http://h", sealed), "sk-1");
  EXPECT_FALSE(keys.unseal("f", "http://h", sealed));
  EXPECT_FALSE(keys.unseal("e", "http://evil", sealed));
  const EndpointKeys others(random);
  const auto wrong = others.unseal("e", "http://h", sealed);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, Message::EndpointKeySealed);
  EXPECT_NE(text_of(wrong.error(), Language::En).find("'e'"), std::string::npos);
  EXPECT_EQ(*keys.unseal("e", "http://h", "sk-clear"), "sk-clear");
  EXPECT_TRUE(EndpointKeys::is_clear("sk-clear"));
  EXPECT_FALSE(EndpointKeys::is_clear(sealed));
  EXPECT_FALSE(EndpointKeys::is_clear(""));
}

TEST_F(EndpointKeysTest, AFileThatIsNoMasterKeyIsSaidAndKept) {
  for (const std::string& text : std::vector<std::string>{"", "abc", "zz", std::string(63, '0')}) {
    write(text);
    const auto keys = EndpointKeys::open(path, random);
    ASSERT_FALSE(keys);
    EXPECT_EQ(keys.error().message, Message::MasterKeyBad);
    EXPECT_FALSE(look_at_master_key(path));
  }
  write(std::string(64, 'a') + "\r\n");
  EXPECT_TRUE(EndpointKeys::open(path, random));
  ::chmod(path.c_str(), 0644);
  EXPECT_TRUE(look_at_master_key(path)->open_to_others);
  EXPECT_TRUE(EndpointKeys::open(path, random));  // the log says so
  EXPECT_FALSE(EndpointKeys::open(folder.path("none") + "/x/master.key", random));
}

}  // namespace
}  // namespace xc::fleet
