#include "convert/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "convert/checkpoint.h"
#include "convert/checkpoint_test_folder.h"

namespace xc::convert {
namespace {

using testing::HasSubstr;

std::string reason_of(const std::string& bytes) {
  const auto header = parse_safetensors(bytes, bytes.size(), "x.safetensors");
  if (header) return "accepted";
  EXPECT_EQ(header.error().message, Message::BadCheckpoint);
  EXPECT_EQ(header.error().args.at(0), "x.safetensors");
  return header.error().args.at(1);
}

std::string one(const std::string& entry, std::size_t data_bytes) {
  return with_length(R"({"w":)" + entry + "}") + std::string(data_bytes, '\0');
}

TEST(Safetensors, ReadsWhatIsRight) {
  const std::string bytes = safetensors_bytes({{"a", {{2, 3}}}, {"b", {{4}}}});
  const auto header = parse_safetensors(bytes, bytes.size(), "x");
  ASSERT_TRUE(header);
  EXPECT_EQ(header->tensors.at("b").shape, std::vector<std::uint64_t>{4});
  EXPECT_EQ(header->tensors.at("b").begin, 24u);
  EXPECT_EQ(header->data_offset + 40, bytes.size());
}

TEST(Safetensors, RefusesLengthsBeyondTheFile) {
  EXPECT_THAT(reason_of("abc"), HasSubstr("shorter than 8"));
  EXPECT_THAT(reason_of(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10)),
              HasSubstr("its header claims"));
  EXPECT_THAT(reason_of(std::string("\x10\0\0\0\0\0\0\0{}", 10)), HasSubstr("the file has 10"));
  EXPECT_THAT(reason_of(with_length("[1]")), HasSubstr("no JSON object"));
  EXPECT_THAT(reason_of(with_length("{\"w\":")), HasSubstr("no JSON object"));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "[";
  EXPECT_THAT(reason_of(with_length("{\"w\":" + deep)), HasSubstr("no JSON object"));
}

TEST(Safetensors, NamesTheTensorThatIsWrong) {
  EXPECT_THAT(reason_of(one(R"({"dtype":"F4","shape":[1],"data_offsets":[0,4]})", 4)),
              HasSubstr("tensor 'w': dtype 'F4'"));
  EXPECT_THAT(reason_of(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", 4)),
              HasSubstr("needs 8 bytes"));
  EXPECT_THAT(reason_of(one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", 4)),
              HasSubstr("no count"));
  EXPECT_THAT(reason_of(one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})", 4)),
              HasSubstr("rising"));
  EXPECT_THAT(
      reason_of(one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]})", 4)),
      HasSubstr("overflows"));
  EXPECT_THAT(reason_of(one(R"({"dtype":"F32","shape":[1]})", 4)), HasSubstr("data_offsets"));
  EXPECT_THAT(reason_of(one(R"(7)", 4)), HasSubstr("no object"));
}

TEST(Safetensors, RefusesOverlapsHolesAndTails) {
  const auto two = [](int begin, std::size_t data) {
    return with_length(fmt::format(R"({{"a":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},)"
                                   R"("b":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}}}})",
                                   begin, begin + 4)) +
           std::string(data, '\0');
  };
  EXPECT_EQ(reason_of(two(4, 8)), "accepted");
  EXPECT_THAT(reason_of(two(2, 8)), HasSubstr("overlap"));
  EXPECT_THAT(reason_of(two(0, 8)), HasSubstr("overlap"));
  EXPECT_THAT(reason_of(two(8, 12)), HasSubstr("hole"));
  EXPECT_THAT(reason_of(two(4, 7)), HasSubstr("the file has 7"));
  EXPECT_THAT(reason_of(two(4, 9)), HasSubstr("the file has 9"));
}

TEST(Checkpoint, AnIndexStaysInsideItsFolder) {
  for (const char* file : {"../x.safetensors", "/etc/x.safetensors", "a/b.safetensors",
                           ".hidden.safetensors", "x.bin", ""}) {
    const auto index = parse_index(fmt::format(R"({{"weight_map":{{"w":"{}"}}}})", file), "index",
                                   kSafetensorsEnding);
    ASSERT_FALSE(index) << file;
    EXPECT_THAT(index.error().args.at(1), HasSubstr("tensor 'w'"));
  }
  EXPECT_FALSE(parse_index("{}", "index", kSafetensorsEnding));
  EXPECT_FALSE(parse_index(R"({"weight_map":{"w":3}})", "index", kSafetensorsEnding));
  EXPECT_TRUE(parse_index(R"({"weight_map":{"w":"model-00001-of-00002.safetensors"}})", "index",
                          kSafetensorsEnding));
}

TEST(Checkpoint, SaysWhichShardAndTensorAreMissing) {
  const CheckpointFolder folder;
  folder.write("a.safetensors", safetensors_bytes({{"here", {{1}}}}));
  folder.write("model.safetensors.index.json",
               R"({"weight_map":{"here":"a.safetensors","gone":"a.safetensors"}})");
  const auto lacking = Checkpoint::open(folder.root());
  ASSERT_FALSE(lacking);
  EXPECT_EQ(lacking.error().args.at(0), "a.safetensors");
  EXPECT_THAT(lacking.error().args.at(1), HasSubstr("'gone'"));
  folder.write("model.safetensors.index.json", R"({"weight_map":{"here":"b.safetensors"}})");
  const auto missing = Checkpoint::open(folder.root());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, Message::FileMissing);
  EXPECT_THAT(missing.error().args.at(0), HasSubstr("b.safetensors"));
}

TEST(Checkpoint, FindsTensorsAcrossShards) {
  const CheckpointFolder folder;
  folder.write("a.safetensors", safetensors_bytes({{"x", {{1}, {5.0f}}}}));
  folder.write("b.safetensors", safetensors_bytes({{"y", {{2}, {6.0f, 7.0f}}}}));
  folder.write("model.safetensors.index.json",
               R"({"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})");
  const auto checkpoint = Checkpoint::open(folder.root());
  ASSERT_TRUE(checkpoint);
  const auto found = checkpoint->find("y");
  ASSERT_TRUE(found);
  float values[2] = {};
  decode(Dtype::F32, found->file->data(*found->tensor), 2, values);
  EXPECT_EQ(values[1], 7.0f);
  EXPECT_FALSE(checkpoint->has("z"));
}

}  // namespace
}  // namespace xc::convert
