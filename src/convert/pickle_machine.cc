#include "convert/pickle_machine.h"

namespace xc::convert::pickle {
namespace {

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

}  // namespace

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

}  // namespace xc::convert::pickle
