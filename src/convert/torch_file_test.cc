// Archives of torch.save's, built byte by byte: right ones, and what hostile ones do.
#include "convert/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "convert/checkpoint.h"
#include "convert/checkpoint_test_folder.h"
#include "convert/pickle.h"

namespace xc::convert {
namespace {

using testing::HasSubstr;

std::string little(std::uint64_t value, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

struct Member {
  std::string name, bytes;
  int method = 0;
};

// A ZIP archive; `wide` puts every number of the directory into ZIP64's fields.
std::string zip_of(const std::vector<Member>& members, bool wide = false) {
  std::string file, directory;
  for (const Member& m : members) {
    const std::uint64_t at = file.size();
    const std::string sizes = little(m.bytes.size(), 4) + little(m.bytes.size(), 4);
    const std::string middle = little(m.method, 2) + little(0, 8);  // method, time, date, CRC
    file += "PK\x03\x04" + little(45, 2) + little(0, 2) + middle + sizes +
            little(m.name.size(), 2) + little(5, 2) + m.name + "FB\x01" + std::string(2, '\0') +
            m.bytes;
    const std::string extra = wide ? little(1, 2) + little(24, 2) + little(m.bytes.size(), 8) +
                                         little(m.bytes.size(), 8) + little(at, 8)
                                   : "";
    directory += "PK\x01\x02" + little(45, 2) + little(45, 2) + little(0, 2) + middle +
                 (wide ? std::string(8, '\xff') : sizes) + little(m.name.size(), 2) +
                 little(extra.size(), 2) + std::string(10, '\0') +
                 (wide ? std::string(4, '\xff') : little(at, 4)) + m.name + extra;
  }
  const std::uint64_t begin = file.size(), count = members.size();
  file += directory;
  if (wide) {
    const std::uint64_t end64 = file.size();
    file += "PK\x06\x06" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8) +
            little(count, 8) + little(count, 8) + little(directory.size(), 8) + little(begin, 8);
    file += "PK\x06\x07" + little(0, 4) + little(end64, 8) + little(1, 4);
  }
  return file + "PK\x05\x06" + little(0, 4) +
         (wide ? std::string(4, '\xff') : little(count, 2) + little(count, 2)) +
         (wide ? std::string(8, '\xff') : little(directory.size(), 4) + little(begin, 4)) +
         little(0, 2);
}

std::string text(const std::string& value) { return "X" + little(value.size(), 4) + value; }
std::string tuple(const std::vector<std::uint64_t>& counts) {
  std::string bytes = "(";
  for (const std::uint64_t count : counts) bytes += "J" + little(count, 4);
  return bytes + "t";
}

struct View {
  std::string type = "FloatStorage", key = "0";
  std::uint64_t elements = 6, offset = 0;
  std::vector<std::uint64_t> shape = {2, 3}, stride = {3, 1};
};

// As Python's pickle writes it, without what it remembers and never recalls.
std::string tensor(const View& v) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n" + v.type + "\n" +
         text(v.key) + text("cpu") + "J" + little(v.elements, 4) + "tQJ" + little(v.offset, 4) +
         tuple(v.shape) + tuple(v.stride) + "\x89" + "ccollections\nOrderedDict\n)RtR";
}

std::string pickle_of(const std::string& entries) { return "\x80\x02}q\x01(" + entries + "u."; }

std::string file_of(const std::string& pickle, bool wide = false) {
  std::string floats;
  for (float f = 0; f < 6; ++f) floats.append(reinterpret_cast<const char*>(&f), sizeof f);
  return zip_of({{"a/data.pkl", pickle},
                 {"a/byteorder", "little"},
                 {"a/data/0", floats},
                 {"a/version", "3\n"}},
                wide);
}

std::string why(const std::string& bytes) {
  const auto table = parse_torch(bytes, "x.bin");
  if (table) return "(taken)";
  EXPECT_EQ(table.error().args.at(0), "x.bin");
  return table.error().args.at(1);
}

TEST(TorchFile, TensorsLieWhereTheyAre) {
  View last;
  last.offset = 2;
  last.shape = {4};
  last.stride = {1};
  for (const bool wide : {false, true}) {
    const std::string bytes =
        file_of(pickle_of(text("w") + tensor({}) + text("tail") + tensor(last)), wide);
    const auto table = parse_torch(bytes, "x.bin");
    ASSERT_TRUE(table) << table.error().args.at(1);
    ASSERT_EQ(table->tensors.size(), 2u);
    const StoredTensor& w = table->tensors.at("w");
    EXPECT_EQ(w.shape, (std::vector<std::uint64_t>{2, 3}));
    float values[4] = {};
    decode(w.type, reinterpret_cast<const unsigned char*>(bytes.data()) + w.begin, 4, values);
    EXPECT_EQ(values[3], 3.0f);
    const StoredTensor& tail = table->tensors.at("tail");
    EXPECT_EQ(tail.begin, w.begin + 8);  // a view of the same storage
    EXPECT_EQ(tail.end, w.end);
  }
}

TEST(TorchFile, RunsNothing) {
  EXPECT_THAT(why(file_of("\x80\x02"
                          "cos\nsystem\n(" +
                          text("true") + "tR.")),
              HasSubstr("it names 'os system', which is not loaded"));
  EXPECT_THAT(why(file_of("\x80\x02"
                          "c__builtin__\neval\n.")),
              HasSubstr("'__builtin__ eval'"));
  EXPECT_THAT(why(file_of("\x80\x02"
                          "ctorch\nFloatStorage\n)R.")),
              HasSubstr("not known"));
  EXPECT_THAT(why(file_of("\x80\x02"
                          "i__main__\nx\n.")),
              HasSubstr("the instruction 0x69"));
  EXPECT_THAT(why(file_of("\x80\x04.")), HasSubstr("protocol"));
}

TEST(TorchFile, RefusesWhatDoesNotFit) {
  View large;
  large.elements = 7;
  EXPECT_THAT(why(file_of(pickle_of(text("w") + tensor(large)))),
              HasSubstr("tensor 'w': its storage '0' has 24 bytes"));
  View beyond;
  beyond.offset = 1;
  EXPECT_THAT(why(file_of(pickle_of(text("w") + tensor(beyond)))),
              HasSubstr("more than its storage holds"));
  View turned;
  turned.stride = {1, 2};
  EXPECT_THAT(why(file_of(pickle_of(text("w") + tensor(turned)))), HasSubstr("row by row"));
  View elsewhere;
  elsewhere.key = "1";
  EXPECT_THAT(why(file_of(pickle_of(text("w") + tensor(elsewhere)))),
              HasSubstr("storage '1' is missing"));
  View huge;
  huge.shape = {0x7fffffff, 0x7fffffff, 0x7fffffff};
  huge.stride = {0, 0x7fffffff, 1};
  EXPECT_THAT(why(file_of(pickle_of(text("w") + tensor(huge)))), HasSubstr("tensor 'w'"));
  View complex;
  complex.type = "ComplexFloatStorage";
  EXPECT_THAT(why(file_of(pickle_of(text("w") + tensor(complex)))),
              HasSubstr("'torch ComplexFloatStorage'"));
  EXPECT_THAT(why(file_of(pickle_of(text("model") + "}"))),
              HasSubstr("entry 'model' is no tensor"));
  EXPECT_THAT(why(file_of(pickle_of(text("w")))), HasSubstr("a key has no value"));
  EXPECT_THAT(why(file_of("\x80\x02h\x05.")), HasSubstr("recalls"));
  EXPECT_THAT(why(file_of("\x80\x02]q\x01h\x01"
                          "a.")),
              HasSubstr("no dictionary"));  // a list in itself
  EXPECT_THAT(why(file_of("\x80\x02t")), HasSubstr("mark"));
  EXPECT_THAT(why(file_of("\x80\x02X\xff\xff\xff\xff")), HasSubstr("too long"));
  EXPECT_THAT(why(file_of("")), HasSubstr("ends too early"));
}

TEST(TorchFile, RefusesArchivesThatLie) {
  EXPECT_THAT(why("PK"), HasSubstr("too short"));
  EXPECT_THAT(why(std::string(4'000, 'x')), HasSubstr("since PyTorch 1.6"));
  const std::string pickle = pickle_of(text("w") + tensor({}));
  EXPECT_THAT(why(zip_of({{"a/data.pkl", pickle, 8}})),
              HasSubstr("entry 'a/data.pkl': it is compressed"));
  EXPECT_THAT(why(zip_of({{"a/data.pkl", pickle}, {"a/data.pkl", pickle}})), HasSubstr("twice"));
  EXPECT_THAT(why(zip_of({{"a/data.pkl", pickle}, {"b/data.pkl", pickle}})),
              HasSubstr("more than one"));
  EXPECT_THAT(why(zip_of({{"a/version", "3"}})), HasSubstr("no data.pkl"));
  EXPECT_THAT(why(zip_of({{"a/data.pkl", pickle}, {"a/byteorder", "big"}})),
              HasSubstr("little-endian"));
  const std::string whole = file_of(pickle);
  for (std::size_t cut = 1; cut < whole.size(); cut += 7) {
    EXPECT_NE(why(whole.substr(0, whole.size() - cut)), "(taken)") << cut;
    EXPECT_NE(why(whole.substr(cut)), "(taken)") << cut;  // places no longer fit
  }
}

TEST(TorchFile, IsAFolderOfItsOwnKind) {
  const CheckpointFolder folder;
  folder.write("pytorch_model.bin", file_of(pickle_of(text("w") + tensor({}))));
  const auto one = Checkpoint::open(folder.root());
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->has("w"));
  folder.write("pytorch_model.bin.index.json", R"({"weight_map":{"w":"../x.bin"}})");
  EXPECT_FALSE(Checkpoint::open(folder.root()));
  folder.write("pytorch_model.bin.index.json", R"({"weight_map":{"w":"pytorch_model.bin"}})");
  EXPECT_TRUE(Checkpoint::open(folder.root()));
  // Safetensors beside it count.
  folder.write("model.safetensors", safetensors_bytes({{"x", {{1}}}}));
  const auto both = Checkpoint::open(folder.root());
  ASSERT_TRUE(both);
  EXPECT_TRUE(both->has("x") && !both->has("w"));
}

}  // namespace
}  // namespace xc::convert
