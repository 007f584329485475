// Runs the few instructions of a pickle that torch.save writes (protocol 2); whatever else it says
// is a mistake, nothing is called. Used by pickle.cc alone.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "convert/pickle.h"

namespace xc::convert::pickle {

inline constexpr std::size_t kValuesMax =
    limits::kCheckpointTensorsMax;                   // 80,000 tensors in one file
inline constexpr std::size_t kTextBytesMax = 4'096;  // names have below 100
inline constexpr std::size_t kKeyBytesMax = 64;      // of storages: "0", "1" …

enum class Kind : std::uint8_t {
  Nothing,  // None, and numbers that mean nothing here
  Number,   // also true and false
  Text,
  Name,  // of something that Python would call
  Tuple,
  List,
  Dict,  // items: key, value, key, value …
  Storage,
  Tensor,
};

using Index = std::uint32_t;

struct Value {
  Kind kind = Kind::Nothing;
  std::int64_t number = 0;   // Storage: elements
  std::string text;          // Name: "module name"; Storage: its key
  std::vector<Index> items;  // Tensor: storage, shape, stride; its offset is the number
  Dtype type = Dtype::F32;   // Storage
};

// Values are numbered and never freed; a value may hold itself (memo), so nothing walks them
// without bound.
class Machine {
 public:
  explicit Machine(std::string_view in) : in_(in) {}

  // The first mistake; nullopt: `top` is the dictionary.
  std::optional<std::string> run() {
    while (reason_.empty() && !done_) step();
    if (reason_.empty() && (stack_.size() != 1 || value(stack_[0]).kind != Kind::Dict)) {
      reason_ = "it holds no dictionary of tensors";
    }
    if (reason_.empty()) return std::nullopt;
    return reason_;
  }
  std::optional<std::string> collect(StateDict& out) const;

 private:
  const Value& value(Index i) const { return values_[i]; }
  Value& value(Index i) { return values_[i]; }
  void wrong(std::string reason) {
    if (reason_.empty()) reason_ = fmt::format("{} (byte {} of its pickle)", reason, at_);
  }
  std::string_view take(std::size_t count) {
    if (count > in_.size() - at_) {
      wrong("it ends too early");
      return {};
    }
    at_ += count;
    return in_.substr(at_ - count, count);
  }
  std::uint64_t take_number(std::size_t width) {
    std::uint64_t number = 0;
    int shift = 0;
    for (const char byte : take(width)) {
      number |= std::uint64_t{static_cast<unsigned char>(byte)} << shift;
      shift += 8;
    }
    return number;
  }
  std::string_view take_line();

  void push(Index i) {
    if (stack_.size() >= kValuesMax) return wrong("it holds too many values");
    stack_.push_back(i);
  }
  Index add(Value made) {
    if (values_.size() >= kValuesMax) {
      wrong("it holds too many values");
      return 0;
    }
    values_.push_back(std::move(made));
    return static_cast<Index>(values_.size() - 1);
  }
  void push_new(Value made) { push(add(std::move(made))); }
  void push_number(std::int64_t number) { push_new({.kind = Kind::Number, .number = number}); }
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  // A value of any kind; 0, which is always there, after a mistake.
  Index pop() {
    if (stack_.size() <= floor()) {
      wrong("it takes what is not there");
      return 0;
    }
    const Index top = stack_.back();
    stack_.pop_back();
    return top;
  }
  std::vector<Index> pop_to_mark();
  std::vector<Index> pop_several(std::size_t count);
  Value* top_of(Kind kind);

  void step();
  bool step_plain(unsigned char code);
  bool step_memo(unsigned char code);
  void put(std::vector<Index> pairs);
  void append(std::vector<Index> items);
  void name();
  void text();
  void integer();
  void storage();
  void call();
  void build();
  std::optional<std::vector<std::uint64_t>> counts_of(Index tuple) const;

  std::string_view in_;
  std::size_t at_ = 0;
  std::vector<Value> values_{Value{}};
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, Index> memo_;
  std::string reason_;
  bool done_ = false;
};

}  // namespace xc::convert::pickle
