#include "convert/pickle.h"

#include "convert/pickle_machine.h"
#include "convert/weights_file.h"

namespace xc::convert {
namespace pickle {

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

}  // namespace pickle

Result<StateDict> read_state_dict(std::string_view bytes, const std::string& name) {
  pickle::Machine machine(bytes);
  if (auto why = machine.run()) return bad_checkpoint(name, *why);
  StateDict tensors;
  if (auto why = machine.collect(tensors)) return bad_checkpoint(name, *why);
  return tensors;
}

}  // namespace xc::convert
