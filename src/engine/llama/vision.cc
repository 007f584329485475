#include "engine/llama/vision.h"

#include <fmt/core.h>
#include <mtmd-helper.h>
#include <mtmd.h>

#include "engine/llama/chat/chat_format.h"
#include "engine/llama/log_capture.h"

namespace xc::engine::llama {
namespace {

struct BitmapFree {
  void operator()(mtmd_bitmap* b) const { mtmd_bitmap_free(b); }
};
struct ChunksFree {
  void operator()(mtmd_input_chunks* c) const { mtmd_input_chunks_free(c); }
};
using BitmapPtr = std::unique_ptr<mtmd_bitmap, BitmapFree>;

void append_chunk(const mtmd_input_chunk* chunk, Vision::Cut& cut) {
  if (mtmd_input_chunk_get_type(chunk) == MTMD_INPUT_CHUNK_TYPE_TEXT) {
    std::size_t count = 0;
    const llama_token* tokens = mtmd_input_chunk_get_tokens_text(chunk, &count);
    cut.tokens.insert(cut.tokens.end(), tokens, tokens + count);
    return;
  }
  Media media;
  media.at = static_cast<int>(cut.tokens.size());
  media.tokens = static_cast<int>(mtmd_input_chunk_get_n_tokens(chunk));
  media.chunk.reset(mtmd_input_chunk_copy(chunk));
  cut.tokens.insert(cut.tokens.end(), static_cast<std::size_t>(media.tokens), kMediaToken);
  cut.media.push_back(std::move(media));
}

}  // namespace

Result<std::unique_ptr<Vision>> Vision::open(const Model& model, const std::string& path) {
  std::unique_ptr<Vision> vision(new Vision());
  mtmd_context_params params = mtmd_context_params_default();
  params.print_timings = false;
  params.warmup = false;
  params.media_marker = media_marker().c_str();
  params.n_threads = model.options().threads;
  vision->handle_ = mtmd_init_from_file(path.c_str(), model.get(), params);
  if (vision->handle_ == nullptr || !mtmd_support_vision(vision->handle_)) {
    return fail(Code::Unavailable, Message::ModelFailed,
                {model.facts().name, "projector " + path + ": " + last_error_logged()});
  }
  return vision;
}

Vision::~Vision() {
  if (handle_ != nullptr) mtmd_free(handle_);
}

Result<Vision::Cut> Vision::cut(const std::string& prompt,
                                const std::vector<const schema::Image*>& images) const {
  std::vector<BitmapPtr> bitmaps;
  std::vector<const mtmd_bitmap*> raw;
  for (const schema::Image* image : images) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(image->bytes.data());
    const auto wrapper = mtmd_helper_bitmap_init_from_buf(handle_, bytes, image->bytes.size(),
                                                          false, mtmd_helper_init_opt_default());
    BitmapPtr bitmap(wrapper.bitmap);
    if (bitmap == nullptr || mtmd_bitmap_is_audio(bitmap.get())) {
      return fail_field("messages", Message::BadImage,
                        {std::to_string(bitmaps.size() + 1), image->media_type});
    }
    raw.push_back(bitmap.get());
    bitmaps.push_back(std::move(bitmap));
  }
  const std::unique_ptr<mtmd_input_chunks, ChunksFree> chunks(mtmd_input_chunks_init());
  mtmd_input_text text{};
  text.text = prompt.c_str();
  text.text_len = prompt.size();
  text.add_special = false;
  text.parse_special = true;
  const int code = mtmd_tokenize(handle_, chunks.get(), &text, raw.data(), raw.size());
  if (code != 0) {
    return fail_field("messages", Message::BadImage,
                      {std::to_string(images.size()), last_error_logged()});
  }
  Cut cut;
  for (std::size_t i = 0; i < mtmd_input_chunks_size(chunks.get()); ++i) {
    append_chunk(mtmd_input_chunks_get(chunks.get(), i), cut);
  }
  return cut;
}

Status Vision::decode(llama_context* context, const Media& media, int seq, int batch,
                      llama_pos& pos) const {
  llama_pos next = pos;
  if (mtmd_helper_eval_chunk_single(handle_, context, media.chunk.get(), pos, seq, batch, false,
                                    &next) != 0) {
    return fail_internal("image encoding failed: " + last_error_logged());
  }
  pos = next;
  return {};
}

}  // namespace xc::engine::llama
