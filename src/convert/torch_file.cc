#include "convert/torch_file.h"

#include <fmt/format.h>

#include <optional>

#include "base/limits.h"
#include "convert/pickle.h"
#include "convert/zip_directory.h"

namespace xc::convert {
namespace {

constexpr std::string_view kPickle = "data.pkl";

// "archive/", under which everything lies; its name is the file's when it was saved.
Result<std::string> root_of(const ZipDirectory& entries, const std::string& name) {
  std::optional<std::string> root;
  for (const auto& [entry, place] : entries) {
    const std::size_t slash = entry.find('/');
    if (slash == std::string::npos || entry.substr(slash + 1) != kPickle) continue;
    if (root) return bad_checkpoint(name, "it has more than one data.pkl");
    root = entry.substr(0, slash + 1);
  }
  if (!root)
    return bad_checkpoint(name, "its archive has no data.pkl: torch.save did not write it");
  return *root;
}

// The elements of a tensor that lies row by row without gaps; a reason when it does not.
std::optional<std::string> count_elements(const PickledTensor& tensor, std::uint64_t& count) {
  count = 1;
  for (std::size_t i = tensor.shape.size(); i > 0; --i) {
    const std::uint64_t extent = tensor.shape[i - 1];
    if (extent > 1 && tensor.stride[i - 1] != count) {
      return fmt::format("its stride {} does not lie row by row in shape {}",
                         shape_text(tensor.stride), shape_text(tensor.shape));
    }
    if (extent != 0 && count > UINT64_MAX / 16 / extent) return "its shape overflows";
    count *= extent;
  }
  return std::nullopt;
}

std::optional<std::string> place(const PickledTensor& tensor, const ZipDirectory& entries,
                                 const std::string& root, StoredTensor& out) {
  std::uint64_t count = 0;
  if (auto why = count_elements(tensor, count)) return why;
  const auto entry = entries.find(root + "data/" + tensor.storage);
  if (entry == entries.end()) return fmt::format("its storage '{}' is missing", tensor.storage);
  const std::uint64_t width = bytes_of(tensor.type);
  if (tensor.storage_elements > entry->second.bytes / width) {
    return fmt::format("its storage '{}' has {} bytes, {} elements of {} need more", tensor.storage,
                       entry->second.bytes, tensor.storage_elements, name_of(tensor.type));
  }
  if (tensor.offset > tensor.storage_elements || count > tensor.storage_elements - tensor.offset) {
    return fmt::format("its shape {} from element {} is more than its storage holds",
                       shape_text(tensor.shape), tensor.offset);
  }
  out.type = tensor.type;
  out.shape = tensor.shape;
  out.begin = entry->second.begin + tensor.offset * width;
  out.end = out.begin + count * width;
  return std::nullopt;
}

}  // namespace

Result<TensorTable> parse_torch(std::string_view bytes, const std::string& name) {
  XC_TRY(const ZipDirectory entries, read_zip_directory(bytes, name));
  XC_TRY(const std::string root, root_of(entries, name));
  const auto text_of = [&](const ZipEntry& entry) {
    return bytes.substr(entry.begin, entry.bytes);
  };
  const auto order = entries.find(root + "byteorder");
  if (order != entries.end() && text_of(order->second) != "little") {
    return bad_checkpoint(name, "its numbers are not little-endian");
  }
  const std::string_view pickle = text_of(entries.at(root + std::string(kPickle)));
  if (pickle.size() > limits::kCheckpointIndexBytesMax) {
    return bad_checkpoint(name, fmt::format("its data.pkl has {} bytes", pickle.size()));
  }
  XC_TRY(const StateDict tensors, read_state_dict(pickle, name));
  TensorTable table;
  for (const auto& [key, tensor] : tensors) {
    StoredTensor stored;
    if (auto why = place(tensor, entries, root, stored)) {
      return bad_checkpoint(name, fmt::format("tensor '{}': {}", key, *why));
    }
    table.tensors.emplace(key, std::move(stored));
  }
  return table;
}

}  // namespace xc::convert
