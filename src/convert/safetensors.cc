#include "convert/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <optional>
#include <utility>

#include "base/limits.h"

namespace xc::convert {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::size_t kHeaderDepthMax = 8;

std::optional<std::uint64_t> to_count(const json::value& value) {
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_int64() && value.get_int64() >= 0) {
    return static_cast<std::uint64_t>(value.get_int64());
  }
  return std::nullopt;
}

// Fills `tensor`; a reason when the entry is wrong in itself.
std::optional<std::string> read_entry(const json::value& value, StoredTensor& tensor) {
  const json::object* entry = value.if_object();
  if (entry == nullptr) return "its entry is no object";
  const json::value* dtype = entry->if_contains("dtype");
  const json::value* shape = entry->if_contains("shape");
  const json::value* offsets = entry->if_contains("data_offsets");
  if (dtype == nullptr || !dtype->is_string()) return "its dtype is missing";
  const auto type = dtype_of(std::string_view(dtype->get_string()));
  if (!type) return fmt::format("dtype '{}' is not supported", dtype->get_string().c_str());
  tensor.type = *type;
  if (shape == nullptr || !shape->is_array() ||
      shape->get_array().size() > limits::kTensorDimensionsMax) {
    return "its shape is missing or has too many dimensions";
  }
  std::uint64_t bytes = bytes_of(tensor.type);
  for (const json::value& item : shape->get_array()) {
    const auto extent = to_count(item);
    if (!extent) return "its shape holds something that is no count";
    if (*extent != 0 && bytes > UINT64_MAX / 2 / *extent) return "its shape overflows";
    bytes *= *extent;
    tensor.shape.push_back(*extent);
  }
  if (offsets == nullptr || !offsets->is_array() || offsets->get_array().size() != 2) {
    return "its data_offsets are missing";
  }
  const auto begin = to_count(offsets->get_array()[0]);
  const auto end = to_count(offsets->get_array()[1]);
  if (!begin || !end || *end < *begin) return "its data_offsets are not two rising counts";
  if (*end - *begin != bytes) {
    return fmt::format("its shape {} of {} needs {} bytes, its data_offsets give {}",
                       shape_text(tensor.shape), name_of(tensor.type), bytes, *end - *begin);
  }
  tensor.begin = *begin;
  tensor.end = *end;
  return std::nullopt;
}

// No overlap, no hole, nothing behind the end: sorted, each begins where the last ended.
std::optional<std::string> check_layout(const TensorTable& header, std::uint64_t data_bytes) {
  std::vector<std::pair<const StoredTensor*, std::string_view>> order;
  order.reserve(header.tensors.size());
  for (const auto& [name, tensor] : header.tensors) order.emplace_back(&tensor, name);
  std::ranges::sort(order, {},
                    [](const auto& item) { return std::pair(item.first->begin, item.first->end); });
  std::uint64_t expected = 0;
  for (const auto& [tensor, name] : order) {
    if (tensor->begin != expected) {
      return fmt::format("tensor '{}' begins at byte {} of the data, expected {} ({})", name,
                         tensor->begin, expected, tensor->begin < expected ? "overlap" : "hole");
    }
    expected = tensor->end;
    if (expected > data_bytes) {
      return fmt::format("tensor '{}' ends at byte {} of the data, the file has {}", name, expected,
                         data_bytes);
    }
  }
  if (expected != data_bytes) {
    return fmt::format("the tensors end at byte {} of the data, the file has {}", expected,
                       data_bytes);
  }
  return std::nullopt;
}

}  // namespace

Result<TensorTable> parse_safetensors(std::string_view bytes, std::uint64_t file_bytes,
                                      const std::string& name) {
  std::uint64_t length = 0;
  if (bytes.size() < kLengthBytes || file_bytes < kLengthBytes) {
    return bad_checkpoint(name, "it is shorter than 8 bytes");
  }
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > limits::kSafetensorsHeaderBytesMax) {
    return bad_checkpoint(name, fmt::format("its header claims {} bytes, more than {}", length,
                                            limits::kSafetensorsHeaderBytesMax));
  }
  if (length > file_bytes - kLengthBytes || length > bytes.size() - kLengthBytes) {
    return bad_checkpoint(
        name, fmt::format("its header claims {} bytes, the file has {}", length, file_bytes));
  }
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kHeaderDepthMax;
  const json::value parsed =
      json::parse(bytes.substr(kLengthBytes, length), error, json::storage_ptr(), options);
  if (error || !parsed.is_object()) return bad_checkpoint(name, "its header is no JSON object");
  TensorTable header;
  header.data_offset = kLengthBytes + length;
  for (const auto& [key, value] : parsed.get_object()) {
    if (std::string_view(key) == "__metadata__") continue;
    if (header.tensors.size() >= limits::kCheckpointTensorsMax) {
      return bad_checkpoint(
          name, fmt::format("it has more than {} tensors", limits::kCheckpointTensorsMax));
    }
    StoredTensor tensor;
    if (auto why = read_entry(value, tensor)) {
      return bad_checkpoint(name, fmt::format("tensor '{}': {}", std::string_view(key), *why));
    }
    header.tensors.emplace(std::string(key), std::move(tensor));
  }
  if (auto why = check_layout(header, file_bytes - header.data_offset)) {
    return bad_checkpoint(name, *why);
  }
  return header;
}

}  // namespace xc::convert
