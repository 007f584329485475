#include "convert/checkpoint.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <set>

#include "base/limits.h"
#include "catalog/file.h"

namespace xc::convert {
namespace {

namespace json = boost::json;

// In the order they are looked for.
struct Layout {
  std::string index, single;
  std::string_view ending;
};
const Layout kLayouts[] = {
    {"model.safetensors.index.json", "model.safetensors", kSafetensorsEnding},
    {"pytorch_model.bin.index.json", "pytorch_model.bin", kTorchEnding},
};
constexpr std::size_t kIndexDepthMax = 8;

// Nothing that leads elsewhere: an index is written by others.
bool is_plain_name(std::string_view name, std::string_view ending) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' &&
         name.find('/') == std::string_view::npos && name.find('\\') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && name.ends_with(ending);
}

}  // namespace

Result<std::map<std::string, std::string>> parse_index(std::string_view text,
                                                       const std::string& name,
                                                       std::string_view ending) {
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
    if (!file.is_string() || !is_plain_name(std::string_view(file.get_string()), ending)) {
      return bad_checkpoint(
          name, fmt::format("tensor '{}' is in '{}', which is no {} file of this folder", key,
                            file.is_string() ? file.get_string().c_str() : "?", ending));
    }
    places.emplace(key, std::string(file.get_string()));
  }
  if (places.empty()) return bad_checkpoint(name, "its weight_map is empty");
  return places;
}

Status Checkpoint::add_file(const std::string& name) {
  XC_TRY(WeightsFile file, WeightsFile::open(folder_ + "/" + name, name));
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

// The first layout whose files are there; an index counts before a single file.
Result<Checkpoint> Checkpoint::open(const std::string& folder) {
  Checkpoint checkpoint;
  checkpoint.folder_ = folder;
  for (const Layout& layout : kLayouts) {
    XC_TRY(const auto text, checkpoint.text_of(layout.index, limits::kCheckpointIndexBytesMax));
    std::map<std::string, std::string> index;
    if (text) {
      XC_TRY(index, parse_index(*text, layout.index, layout.ending));
    } else if (!catalog::stamp_of(folder + "/" + layout.single)) {
      continue;
    }
    XC_CHECK(checkpoint.add_files(index, layout.index, layout.single));
    return checkpoint;
  }
  return bad_checkpoint(folder,
                        fmt::format("it has neither {} nor {}, nor {} nor {}", kLayouts[0].single,
                                    kLayouts[0].index, kLayouts[1].single, kLayouts[1].index));
}

// The shards of the index, or without one the single file with all its tensors.
Status Checkpoint::add_files(const std::map<std::string, std::string>& index,
                             const std::string& index_name, const std::string& single) {
  std::set<std::string> names;
  for (const auto& [tensor, file] : index) names.insert(file);
  if (names.size() > limits::kCheckpointFilesMax) {
    return bad_checkpoint(index_name, "it names too many files");
  }
  if (index.empty()) names.insert(single);
  files_.reserve(names.size());  // places point into the headers
  std::map<std::string, std::size_t> numbers;
  for (const std::string& name : names) {
    numbers[name] = files_.size();
    XC_CHECK(add_file(name));
  }
  for (const auto& [tensor, file] : index) XC_CHECK(take(tensor, numbers[file]));
  if (!index.empty()) return {};
  for (const auto& [tensor, stored] : files_[0].header().tensors) XC_CHECK(take(tensor, 0));
  return {};
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
