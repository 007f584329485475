#include "schema/data_url.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/limits.h"

namespace xc::schema {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::array<std::string_view, 5> kMediaTypes{"image/png", "image/jpeg", "image/webp",
                                                      "image/gif", "image/bmp"};
constexpr std::string_view kMediaTypeList =
    "image/png, image/jpeg, image/webp, image/gif, image/bmp";
constexpr std::size_t kShownMax = 64;  // bytes of the caller's URL that an error repeats

constexpr std::array<std::int8_t, 256> reverse_alphabet() {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}
constexpr std::array<std::int8_t, 256> kSextets = reverse_alphabet();

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string lower_of(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

// The beginning of what the caller sent, cut so that no base64 ends up in an error.
std::string shown(std::string_view text) {
  const std::size_t cut = std::min({text.find(','), text.size(), kShownMax});
  return std::string(text.substr(0, cut)) + (cut < text.size() ? "…" : "");
}

std::unexpected<Error> bad_image(std::size_t number, const std::string& param, std::string reason) {
  return fail_field(param, xc::Message::BadImage, {std::to_string(number), std::move(reason)});
}

}  // namespace

std::string base64_of(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      word = word << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= have ? kAlphabet[word >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::optional<std::string> bytes_of_base64(std::string_view text) {
  const bool padded = text.size() % 4 == 0;
  for (int pads = 0; padded && pads < 2 && text.ends_with('='); ++pads) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t word = 0;
  int bits = 0;
  for (const char c : text) {
    const std::int8_t sextet = kSextets[static_cast<unsigned char>(c)];
    if (sextet < 0) return std::nullopt;
    word = (word << 6 | static_cast<std::uint32_t>(sextet)) & 0xFFFFFFu;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(word >> bits & 0xFFu);
    }
  }
  return out;
}

std::string_view picture_type_of(std::string_view base64) {
  struct Row {
    std::string_view begins, type;
  };
  constexpr std::array kRows{Row{"iVBORw0KGgo", "image/png"}, Row{"/9j/", "image/jpeg"},
                             Row{"UklGR", "image/webp"}, Row{"R0lGOD", "image/gif"},
                             Row{"Qk", "image/bmp"}};
  const auto row =
      std::ranges::find_if(kRows, [base64](const Row& r) { return base64.starts_with(r.begins); });
  return row == kRows.end() ? std::string_view() : row->type;
}

Result<Image> read_base64_image(std::string_view media_type, std::string_view base64,
                                std::size_t number, const std::string& param) {
  std::string type = lower_of(media_type);
  if (type == "image/jpg") type = "image/jpeg";  // wrong, and common
  if (std::find(kMediaTypes.begin(), kMediaTypes.end(), type) == kMediaTypes.end()) {
    return fail_field(param, xc::Message::BadValue,
                      {param, shown(media_type), std::string(kMediaTypeList)});
  }
  if (base64.size() / 4 * 3 > limits::kImageBytesMax) {
    return bad_image(number, param,
                     "larger than " + std::to_string(limits::kImageBytesMax) + " bytes");
  }
  std::optional<std::string> bytes = bytes_of_base64(base64);
  if (!bytes) return bad_image(number, param, "not base64");
  if (bytes->empty()) return bad_image(number, param, "empty");
  return Image{std::move(type), std::move(*bytes)};
}

Result<Image> read_data_url(std::string_view url, std::size_t number, const std::string& param) {
  if (lower_of(url.substr(0, 5)) != "data:") {
    return fail_field(param, xc::Message::RemoteImage, {shown(url)});
  }
  const std::size_t comma = url.find(',');
  if (comma == std::string_view::npos) return bad_image(number, param, "no comma in the data: URL");
  const std::string_view head = url.substr(5, comma - 5);
  if (!lower_of(head).ends_with(";base64")) return bad_image(number, param, "not base64");
  return read_base64_image(head.substr(0, head.find(';')), url.substr(comma + 1), number, param);
}

std::string data_url_of(const Image& image) {
  return "data:" + image.media_type + ";base64," + base64_of(image.bytes);
}

}  // namespace xc::schema
