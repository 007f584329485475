#include "catalog/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/limits.h"
#include "catalog/file.h"
#include "catalog/gguf_cursor.h"
#include "catalog/gguf_types.h"
#include "catalog/gguf_values.h"

namespace xc::catalog {
namespace {

constexpr std::uint32_t kVersionMin = 2, kVersionMax = 3;
constexpr std::uint64_t kKeyBytesMax = 65'535;     // the format's own limit
constexpr std::uint64_t kTensorNameBytesMax = 63;  // GGML_MAX_NAME with its terminator
constexpr std::uint32_t kDimensionsMax = 4;        // GGML_MAX_DIMS
constexpr std::uint64_t kElementsMax = INT64_MAX;  // ggml counts in int64_t
constexpr std::uint32_t kAlignmentDefault = 32;
constexpr std::size_t kFirstReadBytes = 1u << 20;

struct Parsed {
  GgufValues values;
  std::vector<GgufTensor> tensors;
  std::uint64_t data_offset = 0;
};

// 0: not a scalar of fixed size.
std::uint64_t size_of(GgufType type) {
  switch (type) {
    case GgufType::U8:
    case GgufType::I8:
    case GgufType::Bool:
      return 1;
    case GgufType::U16:
    case GgufType::I16:
      return 2;
    case GgufType::U32:
    case GgufType::I32:
    case GgufType::F32:
      return 4;
    case GgufType::U64:
    case GgufType::I64:
    case GgufType::F64:
      return 8;
    case GgufType::String:
    case GgufType::Array:
      return 0;
  }
  return 0;
}

std::uint64_t read_integer(GgufCursor& in, GgufType type) {
  switch (type) {
    case GgufType::U8:
    case GgufType::Bool:
      return in.read<std::uint8_t>();
    case GgufType::I8:
      return static_cast<std::uint64_t>(in.read<std::int8_t>());
    case GgufType::U16:
      return in.read<std::uint16_t>();
    case GgufType::I16:
      return static_cast<std::uint64_t>(in.read<std::int16_t>());
    case GgufType::U32:
      return in.read<std::uint32_t>();
    case GgufType::I32:
      return static_cast<std::uint64_t>(in.read<std::int32_t>());
    case GgufType::U64:
      return in.read<std::uint64_t>();
    case GgufType::I64:
      return static_cast<std::uint64_t>(in.read<std::int64_t>());
    default:
      return 0;
  }
}

void read_array(GgufCursor& in, const std::string& key, GgufValue& value, GgufValues& all) {
  const std::uint64_t start = in.at();
  value.item_type = static_cast<GgufType>(in.read<std::uint32_t>());
  value.count = in.read<std::uint64_t>();
  if (!in.ok()) return;
  if (name_of(value.item_type).empty() || value.item_type == GgufType::Array) {
    in.fail_at(start, fmt::format("key '{}' is an array of type {}", key,
                                  static_cast<std::uint32_t>(value.item_type)));
    return;
  }
  if (value.count > limits::kGgufArrayItemsMax) {
    in.fail_at(start + 4, fmt::format("key '{}' has {} items, more than {}", key, value.count,
                                      limits::kGgufArrayItemsMax));
    return;
  }
  if (value.item_type == GgufType::String) {
    const bool tokens = key == "tokenizer.ggml.tokens";
    for (std::uint64_t i = 0; i < value.count && in.ok(); ++i) {
      const std::string_view item = in.read_string(limits::kGgufStringBytesMax);
      if (tokens) note_token(all, item);
    }
    return;
  }
  const bool integers = value.item_type != GgufType::F32 && value.item_type != GgufType::F64;
  if (!integers || value.count > kItemsKept) {
    in.skip(value.count * size_of(value.item_type));  // ≤ 16 Mi × 8: no overflow
    return;
  }
  for (std::uint64_t i = 0; i < value.count && in.ok(); ++i) {
    value.items.push_back(read_integer(in, value.item_type));
  }
}

void read_value(GgufCursor& in, GgufValues& all) {
  const std::uint64_t start = in.at();
  const std::string key(in.read_string(kKeyBytesMax));
  if (!in.ok()) return;
  if (key.empty()) return in.fail_at(start, "a key is empty");
  const std::uint64_t type_at = in.at();
  GgufValue value;
  value.type = static_cast<GgufType>(in.read<std::uint32_t>());
  if (!in.ok()) return;
  if (name_of(value.type).empty()) {
    return in.fail_at(type_at, fmt::format("key '{}' has the unknown type {}", key,
                                           static_cast<std::uint32_t>(value.type)));
  }
  switch (value.type) {
    case GgufType::F32:
      value.real = static_cast<double>(in.read<float>());
      break;
    case GgufType::F64:
      value.real = in.read<double>();
      break;
    case GgufType::String:
      value.text = in.read_string(limits::kGgufStringBytesMax);
      break;
    case GgufType::Array:
      read_array(in, key, value, all);
      break;
    default:
      value.integer = read_integer(in, value.type);
      break;
  }
  if (in.ok() && !all.by_key.emplace(key, std::move(value)).second) {
    in.fail_at(start, fmt::format("the key '{}' appears twice", key));
  }
}

// Elements and bytes of a shape; false when they do not fit 63 bits or rows are no whole blocks.
bool size_tensor(GgufTensor& tensor, const TensorType& type, std::string& why) {
  std::uint64_t elements = 1;
  for (const std::uint64_t extent : tensor.shape) {
    if (extent == 0) {
      why = "a dimension is zero";
      return false;
    }
    if (extent > kElementsMax / elements) {
      why = "its dimensions overflow";
      return false;
    }
    elements *= extent;
  }
  const std::uint64_t row = tensor.shape.empty() ? 1 : tensor.shape[0];
  if (row % type.block_elements != 0) {
    why = fmt::format("its rows of {} elements are not whole blocks of {} ({})", row,
                      type.block_elements, type.name);
    return false;
  }
  const std::uint64_t blocks = elements / type.block_elements;
  if (blocks > kElementsMax / type.block_bytes) {
    why = "its size overflows";
    return false;
  }
  tensor.bytes = blocks * type.block_bytes;
  return true;
}

void read_tensor(GgufCursor& in, std::vector<GgufTensor>& tensors) {
  const std::uint64_t start = in.at();
  GgufTensor tensor;
  tensor.name = in.read_string(kTensorNameBytesMax);
  const std::uint64_t shape_at = in.at();
  const auto dimensions = in.read<std::uint32_t>();
  if (!in.ok()) return;
  if (tensor.name.empty()) return in.fail_at(start, "a tensor has no name");
  if (dimensions > kDimensionsMax) {
    return in.fail_at(shape_at, fmt::format("tensor '{}' has {} dimensions, more than {}",
                                            tensor.name, dimensions, kDimensionsMax));
  }
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    tensor.shape.push_back(in.read<std::uint64_t>());
  }
  const std::uint64_t type_at = in.at();
  tensor.type = in.read<std::uint32_t>();
  tensor.offset = in.read<std::uint64_t>();
  if (!in.ok()) return;
  const TensorType* type = tensor_type(tensor.type);
  if (type == nullptr) {
    return in.fail_at(type_at,
                      fmt::format("tensor '{}' has the unknown type {}", tensor.name, tensor.type));
  }
  std::string why;
  if (!size_tensor(tensor, *type, why)) {
    return in.fail_at(shape_at, fmt::format("tensor '{}': {}", tensor.name, why));
  }
  tensors.push_back(std::move(tensor));
}

std::uint64_t alignment_of(GgufCursor& in, const GgufValues& values) {
  const auto found = values.by_key.find("general.alignment");
  if (found == values.by_key.end()) return kAlignmentDefault;
  const GgufValue& value = found->second;
  if (value.type != GgufType::U32 || value.integer == 0 ||
      (value.integer & (value.integer - 1)) != 0) {
    in.fail("general.alignment is not a power of two");
    return kAlignmentDefault;
  }
  return value.integer;
}

// Tensors must lie back to back, each start aligned, as ggml's own reader demands: that rules out
// overlaps and holes. The last one may end the file without padding.
void read_tensors(GgufCursor& in, Parsed& out, std::uint64_t count, std::uint64_t alignment) {
  std::unordered_set<std::string> names;
  std::uint64_t expected = 0;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t at = in.at();
    read_tensor(in, out.tensors);
    if (!in.ok()) return;
    const GgufTensor& tensor = out.tensors.back();
    if (!names.insert(tensor.name).second) {
      return in.fail_at(at, fmt::format("the tensor '{}' appears twice", tensor.name));
    }
    if (tensor.offset != expected) {
      return in.fail_at(in.at() - 8, fmt::format("tensor '{}' is at offset {} of the data, not {}",
                                                 tensor.name, tensor.offset, expected));
    }
    if (tensor.bytes > kElementsMax - expected) {
      return in.fail_at(at, fmt::format("tensor '{}': the sizes so far overflow", tensor.name));
    }
    expected = (expected + tensor.bytes + alignment - 1) & ~(alignment - 1);  // < 2^63 + 2^32
    if (expected > kElementsMax) {
      return in.fail_at(at, fmt::format("tensor '{}': the sizes so far overflow", tensor.name));
    }
  }
}

void check_data(GgufCursor& in, Parsed& out, std::uint64_t alignment, std::uint64_t file_bytes) {
  out.data_offset = (in.at() + alignment - 1) & ~(alignment - 1);  // ≤ 256 MiB + 2^32
  const std::uint64_t room = file_bytes > out.data_offset ? file_bytes - out.data_offset : 0;
  for (const GgufTensor& tensor : out.tensors) {
    if (tensor.offset > room || tensor.bytes > room - tensor.offset) {
      const std::uint64_t end = out.data_offset + tensor.offset + tensor.bytes;
      return in.fail_at(file_bytes, fmt::format("the file ends inside tensor '{}', which needs "
                                                "the bytes up to {}",
                                                tensor.name, end));
    }
  }
}

std::uint64_t read_count(GgufCursor& in, std::uint64_t count_max, std::string_view what) {
  const std::uint64_t at = in.at();
  const auto count = in.read<std::uint64_t>();
  if (in.ok() && count > count_max) {
    in.fail_at(at, fmt::format("{} {}, more than {}", count, what, count_max));
  }
  return count;
}

void parse(GgufCursor& in, Parsed& out, std::uint64_t file_bytes) {
  const auto magic = in.read<std::uint32_t>();
  if (in.ok() && magic != 0x46554747) return in.fail_at(0, "it does not begin with 'GGUF'");
  const auto version = in.read<std::uint32_t>();
  if (in.ok() && (version < kVersionMin || version > kVersionMax)) {
    const bool swapped = version != 0 && (version & 0xffff) == 0;
    return in.fail_at(
        4, swapped ? "it is big-endian" : fmt::format("GGUF version {} is not supported", version));
  }
  const std::uint64_t tensors = read_count(in, limits::kGgufTensorsMax, "tensors");
  const std::uint64_t keys = read_count(in, limits::kGgufKeysMax, "keys");
  for (std::uint64_t i = 0; i < keys && in.ok(); ++i) read_value(in, out.values);
  if (!in.ok()) return;
  const std::uint64_t alignment = alignment_of(in, out.values);
  read_tensors(in, out, tensors, alignment);
  if (!in.ok()) return;
  if (tensors == 0) return in.fail_at(8, "it has no tensors");
  check_data(in, out, alignment, file_bytes);
  const auto architecture = out.values.by_key.find("general.architecture");
  if (architecture == out.values.by_key.end() || architecture->second.text.empty()) {
    in.fail("general.architecture is missing");
  }
}

Error bad_file(const std::string& name, const GgufCursor& in) {
  return Error{Code::InvalidRequest,
               Message::BadModelFile,
               {name, in.reason(), std::to_string(in.failed_at())},
               {},
               {},
               0};
}

GgufHeader finish(Parsed&& parsed, std::uint64_t file_bytes) {
  GgufHeader header;
  header.facts = facts_of(parsed.values, parsed.tensors, file_bytes);
  header.metadata = describe(parsed.values);
  header.tensors = std::move(parsed.tensors);
  header.data_offset = parsed.data_offset;
  return header;
}

}  // namespace

Result<GgufHeader> read_gguf(std::string_view bytes, std::uint64_t file_bytes,
                             const std::string& name_for_errors) {
  GgufCursor in(bytes);
  Parsed parsed;
  parse(in, parsed, file_bytes);
  if (!in.ok()) return std::unexpected(bad_file(name_for_errors, in));
  return finish(std::move(parsed), file_bytes);
}

// How long the header is, is known only at its end: read a prefix, and a larger one when the
// parser runs off it. Re-parsing is cheaper than a read a value, and a file that shrinks under us
// gives an error where a mapping would give SIGBUS.
Result<GgufHeader> read_gguf(const std::string& path) {
  XC_TRY(const File file, File::open_read(path));
  XC_TRY(const FileStamp stamp, file.stamp());
  std::string prefix;
  for (std::uint64_t want = kFirstReadBytes;; want *= 4) {
    const std::uint64_t length = std::min({want, stamp.bytes, limits::kGgufHeaderBytesMax});
    XC_TRY(prefix, file.read_prefix(length));
    GgufCursor in(prefix);
    Parsed parsed;
    parse(in, parsed, stamp.bytes);
    if (in.ok()) return finish(std::move(parsed), stamp.bytes);
    const bool more = in.truncated() && prefix.size() == length &&
                      length < std::min(stamp.bytes, limits::kGgufHeaderBytesMax);
    if (!more) return std::unexpected(bad_file(path, in));
  }
}

}  // namespace xc::catalog
