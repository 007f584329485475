// A models folder for one test, and small models to put in it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/test_folder.h"
#include "catalog/gguf_test_writer.h"
#include "catalog/model_store.h"
#include "catalog/sha256.h"

namespace xc::catalog {

class StoreTest : public testing::Test {
 protected:
  StoreTest() { settings_.retry_delay = std::chrono::milliseconds(1); }

  ModelStore store() const { return ModelStore(models(), settings_); }
  std::string models() const { return root_ + "/models"; }

  std::string put(const std::string& name, const std::string& bytes) const {
    std::ofstream(root_ + "/" + name, std::ios::binary) << bytes;
    return root_ + "/" + name;
  }
  static std::string read(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
  }
  static std::size_t files_in(const std::string& folder) {
    std::size_t count = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  // A model of a few KiB; `name` makes its bytes, and so its digest, differ.
  static std::string model_bytes(const std::string& name = "Tiny") {
    GgufTestWriter writer = GgufTestWriter::tiny_llama();
    writer.add("general.basename", name).add_tensor("blk.0.w", {4096}, 0, 16'384);
    return writer.build();
  }
  static std::string projector_bytes() {
    GgufTestWriter writer;
    writer.add("general.architecture", "clip").add_tensor("v.w", {8}, 0, 32);
    return writer.build();
  }
  static std::string sha256(const std::string& bytes) {
    Sha256 digest;
    digest.add(bytes);
    return digest.finish();
  }
  static Source hub(Source::Kind kind) {
    Source source{};
    source.kind = kind;
    source.repository = "owner/model";
    source.file = "model.gguf";
    return source;
  }
  // An entry of one file whose bytes are `bytes`.
  static Entry entry_of(const std::string& bytes, std::vector<Source> sources) {
    Entry entry;
    entry.name = "tiny";
    entry.aliases = {"tiny:1b"};
    entry.capabilities = {"chat", "completion"};
    entry.licence.spdx = "MIT";
    entry.sampling.temperature = 0.5;
    ModelFile file;
    file.name = "model.gguf";
    file.bytes = bytes.size();
    file.sha256 = sha256(bytes);
    file.sources = std::move(sources);
    entry.files.push_back(std::move(file));
    return entry;
  }

  const TestFolder folder_;
  const std::string& root_ = folder_.root();
  PullSettings settings_;
};

}  // namespace xc::catalog
