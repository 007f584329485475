#include "convert/checkpoint.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <set>

#include "base/limits.h"
#include "catalog/file.h"

namespace xc::convert {
namespace {

namespace json = boost::json;

constexpr std::string_view kIndex = "model.safetensors.index.json";
constexpr std::string_view kSingle = "model.safetensors";
constexpr std::size_t kIndexDepthMax = 8;

// Nothing that leads elsewhere: an index is written by others.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' &&
         name.find('/') == std::string_view::npos && name.find('\\') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && name.ends_with(".safetensors");
}

}  // namespace

Result<std::map<std::string, std::string>> parse_index(std::string_view text,
                                                       const std::string& name) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kIndexDepthMax;
  const json::value parsed = json::parse(text, error, json::storage_ptr(), options);
  const json::object* root = error ? nullptr : parsed.if_object();
  const json::value* map = root == nullptr ? nullptr : root->if_contains("weight_map");
  if (map == nullptr || !map->is_object()) return bad_checkpoint(name, "it has no weight_map");
  if (map->get_object().size() > limits::kCheckpointTensorsMax) {
    return bad_checkpoint(
        name, fmt::format("it has more than {} tensors", limits::kCheckpointTensorsMax));
  }
  std::map<std::string, std::string> places;
  for (const auto& [tensor, file] : map->get_object()) {
    const std::string key(tensor);
    if (!file.is_string() || !is_plain_name(std::string_view(file.get_string()))) {
      return bad_checkpoint(
          name, fmt::format("tensor '{}' is in '{}', which is no .safetensors file of this folder",
                            key, file.is_string() ? file.get_string().c_str() : "?"));
    }
    places.emplace(key, std::string(file.get_string()));
  }
  if (places.empty()) return bad_checkpoint(name, "its weight_map is empty");
  return places;
}

Status Checkpoint::add_file(const std::string& name) {
  XC_TRY(SafetensorsFile file, SafetensorsFile::open(folder_ + "/" + name, name));
  files_.push_back(std::move(file));
  return {};
}

Status Checkpoint::take(const std::string& tensor, std::size_t file) {
  const auto& tensors = files_[file].header().tensors;
  const auto found = tensors.find(tensor);
  if (found == tensors.end()) {
    return bad_checkpoint(files_[file].name(),
                          fmt::format("it lacks the tensor '{}' that the index promises", tensor));
  }
  places_.emplace(tensor, Place{file, &found->second});
  return {};
}

Result<Checkpoint> Checkpoint::open(const std::string& folder) {
  Checkpoint checkpoint;
  checkpoint.folder_ = folder;
  XC_TRY(const auto index_text,
         checkpoint.text_of(std::string(kIndex), limits::kCheckpointIndexBytesMax));
  std::map<std::string, std::string> index;
  std::set<std::string> names;
  if (index_text) {
    XC_TRY(index, parse_index(*index_text, std::string(kIndex)));
    for (const auto& [tensor, file] : index) names.insert(file);
    if (names.size() > limits::kCheckpointFilesMax) {
      return bad_checkpoint(std::string(kIndex), "it names too many files");
    }
  } else {
    if (!catalog::stamp_of(folder + "/" + std::string(kSingle))) {
      return bad_checkpoint(folder,
                            fmt::format("it has neither {} nor {}; weights in PyTorch's .bin "
                                        "form must be saved as safetensors first",
                                        kSingle, kIndex));
    }
    names.emplace(kSingle);
  }
  checkpoint.files_.reserve(names.size());  // places point into the headers
  std::map<std::string, std::size_t> numbers;
  for (const std::string& name : names) {
    numbers[name] = checkpoint.files_.size();
    XC_CHECK(checkpoint.add_file(name));
  }
  for (const auto& [tensor, file] : index) XC_CHECK(checkpoint.take(tensor, numbers[file]));
  if (!index_text) {
    for (const auto& [tensor, stored] : checkpoint.files_[0].header().tensors) {
      XC_CHECK(checkpoint.take(tensor, 0));
    }
  }
  return checkpoint;
}

std::optional<Checkpoint::Located> Checkpoint::find(std::string_view name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) return std::nullopt;
  return Located{&files_[found->second.file], found->second.tensor};
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  names.reserve(places_.size());
  for (const auto& [name, place] : places_) names.push_back(name);
  return names;
}

Result<std::optional<std::string>> Checkpoint::text_of(const std::string& file,
                                                       std::uint64_t bytes_max) const {
  const std::string path = folder_ + "/" + file;
  Result<catalog::File> opened = catalog::File::open_read(path);
  if (!opened) {
    if (opened.error().message == Message::FileMissing) return std::optional<std::string>();
    return std::unexpected(std::move(opened.error()));
  }
  XC_TRY(const catalog::FileStamp stamp, opened->stamp());
  if (stamp.bytes > bytes_max) {
    return bad_checkpoint(
        file, fmt::format("it has {} bytes, more than the limit of {}", stamp.bytes, bytes_max));
  }
  XC_TRY(std::string text, opened->read_prefix(stamp.bytes));
  return std::optional<std::string>(std::move(text));
}

}  // namespace xc::convert
