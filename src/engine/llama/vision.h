// Images: decoded and cut into chunks on the caller's thread, encoded on the engine thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/llama/job.h"

struct mtmd_context;

namespace xc::engine::llama {

class Vision {
 public:
  // Error: ModelFailed when the projector does not belong to the model.
  static Result<std::unique_ptr<Vision>> open(const Model& model, const std::string& path);
  ~Vision();

  struct Cut {
    std::vector<Token> tokens;  // kMediaToken for image cells
    std::vector<Media> media;
  };
  // The prompt has one media marker an image. Error: BadImage {number, reason}. Thread-safe.
  Result<Cut> cut(const std::string& prompt, const std::vector<const schema::Image*>& images) const;
  // Encodes one image and puts it into the cache of `seq` at position `pos`; `pos` becomes the
  // next position. Engine thread.
  Status decode(llama_context* context, const Media& media, int seq, int batch,
                llama_pos& pos) const;

 private:
  Vision() = default;
  mtmd_context* handle_ = nullptr;
};

}  // namespace xc::engine::llama
