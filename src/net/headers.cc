#include <algorithm>
#include <cstdint>
#include <cstring>

#include "net/http.h"

namespace xc::net {
namespace {

constexpr std::size_t kUsualBytes = 512;  // a head's fields, most often

// What stands before a field's bytes.
struct Lengths {
  std::uint32_t name = 0, value = 0;

  explicit Lengths(std::string_view at) { std::memcpy(this, at.data(), sizeof(Lengths)); }
  Lengths(std::string_view n, std::string_view v)
      : name(static_cast<std::uint32_t>(n.size())), value(static_cast<std::uint32_t>(v.size())) {}
  std::size_t all() const { return sizeof(Lengths) + name + value; }
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

Headers::Field Headers::Iterator::operator*() const {
  const Lengths lengths(rest_);
  const std::string_view bytes = rest_.substr(sizeof(Lengths));
  return {bytes.substr(0, lengths.name), bytes.substr(lengths.name, lengths.value)};
}

Headers::Iterator& Headers::Iterator::operator++() {
  rest_.remove_prefix(Lengths(rest_).all());
  return *this;
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [known, value] : fields()) {
    if (same_name(known, name)) return value;
  }
  return {};
}

void Headers::set(std::string_view name, std::string_view value) {
  for (std::size_t at = 0; at < text_.size();) {
    const std::string_view rest = std::string_view(text_).substr(at);
    const std::size_t size = Lengths(rest).all();
    if (same_name((*Iterator(rest)).first, name)) {
      text_.erase(at, size);
    } else {
      at += size;
    }
  }
  add(name, value);
}

void Headers::add(std::string_view name, std::string_view value) {
  const Lengths lengths(name, value);
  const std::size_t needed = text_.size() + lengths.all();
  if (needed > text_.capacity()) {
    text_.reserve(std::max({needed, 2 * text_.capacity(), kUsualBytes}));
  }
  text_.append(reinterpret_cast<const char*>(&lengths), sizeof(lengths));
  text_ += name;
  text_ += value;
}

}  // namespace xc::net
