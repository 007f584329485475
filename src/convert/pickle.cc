#include "convert/pickle.h"

#include <fmt/format.h>

#include <optional>
#include <unordered_map>

#include "base/limits.h"
#include "convert/weights_file.h"

namespace xc::convert {
namespace {

constexpr std::size_t kValuesMax = limits::kCheckpointTensorsMax;  // 80,000 tensors in one file
constexpr std::size_t kTextBytesMax = 4'096;                       // names have below 100
constexpr std::size_t kKeyBytesMax = 64;                           // of storages: "0", "1" …

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

std::optional<Dtype> storage_type(std::string_view name) {
  constexpr std::pair<std::string_view, Dtype> kStorages[] = {
      {"torch FloatStorage", Dtype::F32},     {"torch HalfStorage", Dtype::F16},
      {"torch BFloat16Storage", Dtype::BF16}, {"torch DoubleStorage", Dtype::F64},
      {"torch LongStorage", Dtype::I64},      {"torch IntStorage", Dtype::I32},
      {"torch ShortStorage", Dtype::I16},     {"torch CharStorage", Dtype::I8},
      {"torch ByteStorage", Dtype::U8},       {"torch BoolStorage", Dtype::Bool}};
  for (const auto& [known, type] : kStorages) {
    if (known == name) return type;
  }
  return std::nullopt;
}

constexpr std::string_view kOrderedDict = "collections OrderedDict";
constexpr std::string_view kTensor = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kParameter = "torch._utils _rebuild_parameter";

bool is_known(std::string_view name) {
  return name == kOrderedDict || name == kTensor || name == kParameter || storage_type(name);
}

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

std::string_view Machine::take_line() {
  const std::size_t end = in_.substr(at_, kTextBytesMax).find('\n');
  if (end == std::string_view::npos) {
    wrong("a name does not end");
    return {};
  }
  const std::string_view line = take(end);
  take(1);
  return line;
}

std::vector<Index> Machine::pop_to_mark() {
  if (marks_.empty()) {
    wrong("a mark is missing");
    return {};
  }
  const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Index> items(from, stack_.end());
  stack_.erase(from, stack_.end());
  marks_.pop_back();
  return items;
}

std::vector<Index> Machine::pop_several(std::size_t count) {
  std::vector<Index> items(count);
  for (std::size_t i = count; i > 0; --i) items[i - 1] = pop();
  return items;
}

Value* Machine::top_of(Kind kind) {
  if (stack_.size() > floor() && value(stack_.back()).kind == kind) return &value(stack_.back());
  wrong("it fills something that is no list or dictionary");
  return nullptr;
}

void Machine::put(std::vector<Index> pairs) {
  if (pairs.size() % 2 != 0) return wrong("a key has no value");
  if (Value* dict = top_of(Kind::Dict)) {
    dict->items.insert(dict->items.end(), pairs.begin(), pairs.end());
  }
}

void Machine::append(std::vector<Index> items) {
  if (Value* list = top_of(Kind::List)) {
    list->items.insert(list->items.end(), items.begin(), items.end());
  }
}

void Machine::name() {
  std::string whole(take_line());
  whole.append(" ").append(take_line());
  if (!is_known(whole)) return wrong(fmt::format("it names '{}', which is not loaded", whole));
  push_new({.kind = Kind::Name, .text = std::move(whole)});
}

void Machine::text() {
  const std::uint64_t length = take_number(4);
  if (length > kTextBytesMax) return wrong("a text is too long");
  push_new({.kind = Kind::Text, .text = std::string(take(length))});
}

void Machine::integer() {  // LONG1: two's complement of so many bytes
  const std::uint64_t width = take_number(1);
  if (width > 8) return wrong("a number is too long");
  std::uint64_t number = take_number(width);
  const std::uint64_t sign = width == 0 ? 0 : std::uint64_t{1} << (8 * width - 1);
  if (width < 8 && (number & sign) != 0) number |= ~std::uint64_t{0} << (8 * width);
  push_number(static_cast<std::int64_t>(number));
}

// ("storage", type, key, device, elements)
void Machine::storage() {
  const Value& tuple = value(pop());
  if (!reason_.empty()) return;
  if (tuple.kind != Kind::Tuple || tuple.items.size() != 5) return wrong("a storage is no tuple");
  const Value &type = value(tuple.items[1]), &key = value(tuple.items[2]),
              &count = value(tuple.items[4]);
  const auto known = type.kind == Kind::Name ? storage_type(type.text) : std::nullopt;
  if (value(tuple.items[0]).text != "storage" || !known || key.kind != Kind::Text ||
      key.text.size() > kKeyBytesMax || count.kind != Kind::Number || count.number < 0) {
    return wrong("a storage is not as torch.save writes it");
  }
  push_new({.kind = Kind::Storage, .number = count.number, .text = key.text, .type = *known});
}

void Machine::call() {
  const Value& arguments = value(pop());
  const Value& called = value(pop());
  if (!reason_.empty()) return;
  if (called.kind != Kind::Name || arguments.kind != Kind::Tuple) {
    return wrong("it calls what is no name");
  }
  const std::vector<Index>& items = arguments.items;
  if (called.text == kOrderedDict && items.empty()) return push_new({.kind = Kind::Dict});
  if (called.text == kParameter && !items.empty()) return push(items[0]);
  // (storage, offset, shape, stride, requires_grad, hooks …)
  const bool fits = called.text == kTensor && items.size() >= 6 &&
                    value(items[0]).kind == Kind::Storage && value(items[1]).kind == Kind::Number &&
                    value(items[1]).number >= 0;
  if (!fits) return wrong(fmt::format("it calls '{}' in a way that is not known", called.text));
  push_new({.kind = Kind::Tensor,
            .number = value(items[1]).number,
            .items = {items[0], items[2], items[3]}});
}

// Attributes of a dictionary (state_dict's _metadata): not of interest.
void Machine::build() {
  pop();
  top_of(Kind::Dict);
}

bool Machine::step_memo(unsigned char code) {
  switch (code) {
    case 'q':    // BINPUT
    case 'r': {  // LONG_BINPUT
      const std::uint64_t slot = take_number(code == 'q' ? 1 : 4);
      if (stack_.empty()) {
        wrong("it remembers nothing");
      } else if (memo_.size() >= kValuesMax) {
        wrong("it remembers too many values");
      } else {
        memo_[slot] = stack_.back();
      }
      return true;
    }
    case 'h':    // BINGET
    case 'j': {  // LONG_BINGET
      const auto found = memo_.find(take_number(code == 'h' ? 1 : 4));
      if (found == memo_.end()) {
        wrong("it recalls what it did not remember");
      } else {
        push(found->second);
      }
      return true;
    }
    default:
      return false;
  }
}

bool Machine::step_plain(unsigned char code) {
  switch (code) {
    case '(':
      if (marks_.size() >= kValuesMax) wrong("it has too many marks");
      marks_.push_back(stack_.size());
      return true;
    case 'N':
      push_new({});
      return true;
    case 'G':  // a float: nothing here wants one
      take(8);
      push_new({});
      return true;
    case 0x88:
    case 0x89:
      push_number(code == 0x88 ? 1 : 0);
      return true;
    case 'K':
      push_number(static_cast<std::int64_t>(take_number(1)));
      return true;
    case 'M':
      push_number(static_cast<std::int64_t>(take_number(2)));
      return true;
    case 'J':
      push_number(static_cast<std::int32_t>(take_number(4)));
      return true;
    case '}':
      push_new({.kind = Kind::Dict});
      return true;
    case ']':
      push_new({.kind = Kind::List});
      return true;
    case ')':
      push_new({.kind = Kind::Tuple});
      return true;
    case 't':
      push_new({.kind = Kind::Tuple, .items = pop_to_mark()});
      return true;
    case 0x85:
    case 0x86:
    case 0x87:
      push_new({.kind = Kind::Tuple, .items = pop_several(code - 0x84u)});
      return true;
    default:
      return false;
  }
}

void Machine::step() {
  const std::string_view next = take(1);
  if (next.empty()) return;
  const auto code = static_cast<unsigned char>(next[0]);
  if (step_plain(code) || step_memo(code)) return;
  switch (code) {
    case 0x80:  // PROTO
      if (take_number(1) != 2) wrong("its protocol is not 2");
      return;
    case 0x8a:
      return integer();
    case 'X':
      return text();
    case 'c':
      return name();
    case 's':
      return put(pop_several(2));
    case 'u':
      return put(pop_to_mark());
    case 'a':
      return append(pop_several(1));
    case 'e':
      return append(pop_to_mark());
    case 'Q':
      return storage();
    case 'R':
      return call();
    case 'b':
      return build();
    case '.':
      done_ = true;
      return;
    default:
      wrong(fmt::format("the instruction 0x{:02x} is not known", code));
  }
}

std::optional<std::vector<std::uint64_t>> Machine::counts_of(Index tuple) const {
  std::vector<std::uint64_t> counts;
  const Value& held = value(tuple);
  if (held.kind != Kind::Tuple || held.items.size() > limits::kTensorDimensionsMax) {
    return std::nullopt;
  }
  for (const Index item : held.items) {
    if (value(item).kind != Kind::Number || value(item).number < 0) return std::nullopt;
    counts.push_back(static_cast<std::uint64_t>(value(item).number));
  }
  return counts;
}

std::optional<std::string> Machine::collect(StateDict& out) const {
  const std::vector<Index>& items = value(stack_[0]).items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const Value &key = value(items[i]), &tensor = value(items[i + 1]);
    if (key.kind != Kind::Text) return "a key of its dictionary is no text";
    if (tensor.kind != Kind::Tensor) return fmt::format("entry '{}' is no tensor", key.text);
    const Value& storage = value(tensor.items[0]);
    const auto shape = counts_of(tensor.items[1]), stride = counts_of(tensor.items[2]);
    if (!shape || !stride || shape->size() != stride->size()) {
      return fmt::format("tensor '{}' has no shape", key.text);
    }
    out[key.text] = {storage.type,
                     storage.text,
                     static_cast<std::uint64_t>(storage.number),
                     static_cast<std::uint64_t>(tensor.number),
                     *shape,
                     *stride};
  }
  return std::nullopt;
}

}  // namespace

Result<StateDict> read_state_dict(std::string_view bytes, const std::string& name) {
  Machine machine(bytes);
  if (auto why = machine.run()) return bad_checkpoint(name, *why);
  StateDict tensors;
  if (auto why = machine.collect(tensors)) return bad_checkpoint(name, *why);
  return tensors;
}

}  // namespace xc::convert
