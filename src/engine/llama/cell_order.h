// Tells the attention kernel where in their sequences the cells of a context's cache lie: rows are
// then summed up by position, so an answer's bits do not depend on where its tokens found room
// (after a preemption new tokens lie before old ones, and everything moves when it comes back).
//
// Unified caches of a transformer, plain, hybrid or with sliding windows; for others, and where the
// kernel does not run, nothing happens. Lives as long as the context, destroyed before it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

struct llama_context;

namespace xc::engine::llama {

class CellOrder {
 public:
  explicit CellOrder(llama_context* context);
  ~CellOrder();
  CellOrder(const CellOrder&) = delete;
  CellOrder& operator=(const CellOrder&) = delete;

 private:
  struct Part;  // one cache; a sliding-window model has two
  std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace xc::engine::llama
