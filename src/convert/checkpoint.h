// A model folder as Hugging Face and ModelScope lay it out: config.json, one model.safetensors or
// shards under model.safetensors.index.json (else pytorch_model.bin, or its shards under
// pytorch_model.bin.index.json), tokenizer files. Names inside the index stay inside the folder: a
// shard is a plain file name. Immutable after open; threads may share it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "convert/weights_file.h"

namespace xc::convert {

// tensor → shard file, from the text of an index; shards end in `ending`. Error: BadCheckpoint
// {name, reason}.
Result<std::map<std::string, std::string>> parse_index(std::string_view text,
                                                       const std::string& name,
                                                       std::string_view ending);

class Checkpoint {
 public:
  struct Located {
    const WeightsFile* file;
    const StoredTensor* tensor;
  };

  // Opens every shard and reads its header. Errors: FileMissing, FileError, BadCheckpoint.
  static Result<Checkpoint> open(const std::string& folder);

  const std::string& folder() const { return folder_; }
  const std::vector<WeightsFile>& files() const { return files_; }
  // nullopt when the checkpoint has no such tensor.
  std::optional<Located> find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name).has_value(); }
  std::vector<std::string> names() const;  // sorted
  // A small file of the folder as text; nullopt when it is not there. Error: too large, unreadable.
  Result<std::optional<std::string>> text_of(const std::string& file,
                                             std::uint64_t bytes_max) const;

 private:
  struct Place {
    std::size_t file;
    const StoredTensor* tensor;
  };
  Status add_files(const std::map<std::string, std::string>& index, const std::string& index_name,
                   const std::string& single);
  Status add_file(const std::string& name);
  Status take(const std::string& tensor, std::size_t file);

  std::string folder_;
  std::vector<WeightsFile> files_;
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace xc::convert
