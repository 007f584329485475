#include "catalog/model_store.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "catalog/file.h"
#include "catalog/store_test_fixture.h"

namespace xc::catalog {
namespace {

using ModelStoreTest = StoreTest;

ino_t inode_of(const std::string& path) {
  struct stat s{};
  return ::stat(path.c_str(), &s) == 0 ? s.st_ino : 0;
}

TEST_F(ModelStoreTest, an_empty_folder_lists_nothing) {
  EXPECT_TRUE(store().list().empty());
  EXPECT_EQ(store().find("x").error().message, Message::NoModel);
  EXPECT_EQ(store().find("../x").error().message, Message::NoModel);
  EXPECT_EQ(store().remove("x").error().message, Message::NoModel);
}

TEST_F(ModelStoreTest, import_links_hashes_and_describes) {
  const std::string bytes = model_bytes();
  const std::string path = put("my.gguf", bytes);
  const auto model = store().import_file(path, "My-Model", "", nullptr);
  ASSERT_TRUE(model) << text_of(model.error(), Language::En);
  EXPECT_EQ(model->name, "my-model");
  EXPECT_EQ(model->sha256, sha256(bytes));
  EXPECT_EQ(model->bytes, bytes.size());
  EXPECT_EQ(inode_of(model->weights_path), inode_of(path));
  EXPECT_EQ(files_in(models() + "/partial"), 0u);

  const auto found = store().find("MY-MODEL:latest");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->facts.architecture, "llama");
  EXPECT_EQ(found->facts.heads_kv, (std::vector<std::uint32_t>{2, 2}));
  EXPECT_EQ(found->source, "import:" + path);
  EXPECT_EQ(found->capabilities, (std::vector<std::string>{"chat", "completion", "tools"}));
  EXPECT_EQ(found->installed_unix_ms, model->installed_unix_ms);
  EXPECT_TRUE(store().check(*found));
  EXPECT_TRUE(store().verify(*found, nullptr));
  ASSERT_EQ(store().list().size(), 1u);
}

TEST_F(ModelStoreTest, import_refuses_what_is_no_model) {
  const std::string bytes = model_bytes();
  const std::string cut = put("cut.gguf", bytes.substr(0, bytes.size() - 1));
  EXPECT_EQ(store().import_file(cut, "m", "", nullptr).error().message, Message::BadModelFile);
  EXPECT_EQ(store().import_file(root_ + "/none", "m", "", nullptr).error().message,
            Message::FileMissing);
  const std::string good = put("good.gguf", bytes), clip = put("clip.gguf", projector_bytes());
  EXPECT_EQ(store().import_file(good, "a/b", "", nullptr).error().message, Message::BadModelName);
  EXPECT_EQ(store().import_file(clip, "m", "", nullptr).error().message, Message::BadModelFile);
  EXPECT_EQ(store().import_file(good, "m", good, nullptr).error().message, Message::BadModelFile);
  GgufTestWriter part = GgufTestWriter::tiny_llama();
  part.add("split.count", 3u);
  EXPECT_EQ(store().import_file(put("p.gguf", part.build()), "m", "", nullptr).error().message,
            Message::BadModelFile);
  EXPECT_EQ(files_in(models()), 0u);
}

TEST_F(ModelStoreTest, names_are_taken_once) {
  const std::string path = put("my.gguf", model_bytes());
  ASSERT_TRUE(store().import_file(path, "m", "", nullptr));
  EXPECT_EQ(store().import_file(path, "M", "", nullptr).error().message, Message::NameTaken);
}

TEST_F(ModelStoreTest, a_cancelled_import_leaves_nothing) {
  const std::string path = put("my.gguf", model_bytes());
  const auto model =
      store().import_file(path, "m", "", [](std::uint64_t, std::uint64_t) { return false; });
  EXPECT_EQ(model.error().code, Code::Cancelled);
  EXPECT_EQ(files_in(models()), 0u);
}

TEST_F(ModelStoreTest, remove_keeps_what_others_use) {
  const std::string path = put("my.gguf", model_bytes());
  const std::string clip = put("clip.gguf", projector_bytes());
  ASSERT_TRUE(store().import_file(path, "a", "", nullptr));
  const auto vision = store().import_file(path, "b", clip, nullptr);
  ASSERT_TRUE(vision) << text_of(vision.error(), Language::En);
  EXPECT_EQ(vision->capabilities.back(), "vision");
  EXPECT_EQ(files_in(models() + "/blobs"), 2u);
  ASSERT_TRUE(store().remove("b"));
  EXPECT_EQ(files_in(models() + "/blobs"), 1u);
  EXPECT_TRUE(store().check(*store().find("a")));
  ASSERT_TRUE(store().remove("a"));
  EXPECT_EQ(files_in(models() + "/blobs"), 0u);
  EXPECT_EQ(read(path), model_bytes());  // the user's own file stays
}

TEST_F(ModelStoreTest, check_sees_writes_and_deletion_verify_sees_bytes) {
  const auto model = store().import_file(put("my.gguf", model_bytes()), "m", "", nullptr);
  ASSERT_TRUE(model);
  std::string bytes = model_bytes();
  bytes.back() = 'x';
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // coarse mtime on some systems
  std::ofstream(model->weights_path, std::ios::binary) << bytes;
  EXPECT_EQ(store().check(*model).error().message, Message::ModelGone);
  EXPECT_EQ(store().verify(*model, nullptr).error().message, Message::DigestWrong);
  std::filesystem::resize_file(model->weights_path, 10);
  EXPECT_EQ(store().check(*model).error().message, Message::ModelGone);
  std::filesystem::remove(model->weights_path);
  EXPECT_EQ(store().check(*model).error().message, Message::ModelGone);
}

TEST_F(ModelStoreTest, manifests_that_lie_are_left_out) {
  ASSERT_TRUE(store().import_file(put("my.gguf", model_bytes()), "m", "", nullptr));
  const std::string manifests = models() + "/manifests/";
  const std::string good = read(manifests + "m.json");
  std::ofstream(manifests + "torn.json") << good.substr(0, good.size() / 2);
  std::ofstream(manifests + "other.json") << good;  // its name says "m"
  std::string outside = good;
  outside.replace(outside.find("\"sha256\":\"") + 10, 3, "../");
  std::ofstream(manifests + "outside.json") << outside;
  EXPECT_EQ(store().list().size(), 1u);
  EXPECT_FALSE(store().find("torn"));
  // A manifest that cannot be read may name the blob: it stays.
  ASSERT_TRUE(store().remove("m"));
  EXPECT_EQ(files_in(models() + "/blobs"), 1u);
}

// Needs the right to mount; elsewhere the same path is covered by the check before the transfer.
TEST_F(ModelStoreTest, a_full_disk_is_told_with_its_numbers) {
  const std::string mount = root_ + "/small";
  std::filesystem::create_directories(mount);
  if (::mount("tmpfs", mount.c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "cannot mount a tmpfs here (not root, or no capability)";
  }
  {
    Result<File> file = File::open_write(mount + "/f");
    ASSERT_TRUE(file);
    const Status written = file->write_at(0, std::string(2u << 20, 'x'), 4u << 20);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().message, Message::DiskFull);
    EXPECT_EQ(written.error().args[2], "0");
    EXPECT_EQ(check_space(mount, "f", 4u << 20).error().message, Message::DiskFull);
    GgufTestWriter writer;
    writer.add("general.architecture", "llama").add_tensor("t", {1 << 20}, 0, 4u << 20);
    const std::string big = put("big.gguf", writer.build());
    const ModelStore small(mount + "/models", settings_);
    EXPECT_EQ(ModelStore(small).import_file(big, "m", "", nullptr).error().message,
              Message::DiskFull);
    EXPECT_EQ(files_in(mount + "/models"), 0u);
  }
  ::umount(mount.c_str());
}

}  // namespace
}  // namespace xc::catalog
