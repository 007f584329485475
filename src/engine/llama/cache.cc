#include "engine/llama/cache.h"

namespace xc::engine::llama {

void Cache::share(int src, int dst, int end) { llama_memory_seq_cp(memory_, src, dst, 0, end); }

bool Cache::drop(int seq, int from) {
  return llama_memory_seq_rm(memory_, seq, from == 0 ? -1 : from, -1);
}

KvBytes Cache::copy_state(int seq) {
  KvBytes bytes(llama_state_seq_get_size(context_, seq));
  bytes.resize(llama_state_seq_get_data(context_, reinterpret_cast<std::uint8_t*>(bytes.data()),
                                        bytes.size(), seq));
  return bytes;
}

bool Cache::restore_state(int seq, std::span<const std::byte> state) {
  llama_memory_seq_rm(memory_, seq, -1, -1);
  const std::size_t read = llama_state_seq_set_data(
      context_, reinterpret_cast<const std::uint8_t*>(state.data()), state.size(), seq);
  if (read == state.size()) return true;
  llama_memory_seq_rm(memory_, seq, -1, -1);
  return false;
}

KvBytes Cache::copy_out(int seq, int from, int to) {
  llama_memory_seq_cp(memory_, seq, scratch_, from, to);
  KvBytes bytes = copy_state(scratch_);
  llama_memory_seq_rm(memory_, scratch_, -1, -1);
  return bytes;
}

bool Cache::copy_in(int seq, Bytes bytes, int begin, int from, int to) {
  const std::size_t read = llama_state_seq_set_data(
      context_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), scratch_);
  const bool whole = read == bytes.size() && llama_memory_seq_pos_min(memory_, scratch_) == begin &&
                     llama_memory_seq_pos_max(memory_, scratch_) >= to - 1;
  if (whole) llama_memory_seq_cp(memory_, scratch_, seq, from, to);
  llama_memory_seq_rm(memory_, scratch_, -1, -1);
  return whole;
}

}  // namespace xc::engine::llama
