// A request as the engine thread takes it: tokenised, checked, with its samplers made.
#pragma once

#include <mtmd.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/chunks/chunk_key.h"
#include "engine/core/answer_queue.h"
#include "engine/core/sequence_pool.h"
#include "engine/core/text_stream.h"
#include "engine/engine.h"
#include "engine/llama/adapters.h"
#include "engine/llama/sampler.h"

namespace xc::engine::llama {

// What the engine thread says of one choice. `end` closes the whole answer.
struct Piece {
  int choice = 0;
  std::string text;
  int tokens = 0;
  std::vector<schema::LogprobEntry> logprobs;
  std::optional<schema::Finish> finish;
  std::string stop_match;  // with finish: the stop string that ended the text
  struct End {
    schema::Usage usage;
    schema::Timings timings;
  };
  std::optional<End> end;
  std::optional<Error> error;
  std::optional<Handover::Part> handover;  // closes the answer: another process goes on with it
  std::optional<schema::Usage> prompt;     // with the first piece
};
using PieceQueue = AnswerQueue<Piece>;

struct MediaFree {
  void operator()(mtmd_input_chunk* c) const { mtmd_input_chunk_free(c); }
};
// An encoded image's place in the prompt.
struct Media {
  int at = 0;      // index of its first token
  int tokens = 0;  // cells it takes
  std::unique_ptr<mtmd_input_chunk, MediaFree> chunk;
};

struct Job {
  RequestContext context;
  Adapters::Ref adapter;      // null: the model alone
  ChunkSpaceRef space;        // the tenant's chunks; null: none are kept
  bool speculation = true;    // guesses may ride along
  std::vector<Token> prompt;  // kMediaToken where images are
  std::vector<Media> media;
  int max_tokens = 0;         // of each choice, already bounded by the context
  int top_logprobs = -1;      // -1: none
  bool show_special = false;  // control tokens stay visible (tool-call marks)
  std::set<Token> preserved;  // these control tokens stay visible
  std::vector<std::string> stops;
  std::vector<std::unique_ptr<Sampler>> samplers;  // one a choice
  std::string echo;           // delivered before the first token of every choice
  bool score_prompt = false;  // with it, the log-probability of each of its tokens
  // One a choice when the answer goes on from another process; else empty.
  struct Past {
    std::vector<Token> tokens;
    int generated = 0;
    bool finished = false;
    TextStream text;  // has seen the tokens
  };
  std::vector<Past> past;
  int past_cached_tokens = 0;  // of the prompt, where the answer began
  std::shared_ptr<PieceQueue> queue;
  SteadyTime arrived;
};

// Embedding and rerank: rows of tokens in, one vector each out.
struct VectorJob {
  RequestContext context;
  Adapters::Ref adapter;
  bool rank = false;
  std::vector<std::vector<Token>> rows;
  std::shared_ptr<AnswerQueue<Result<std::vector<std::vector<float>>>>> queue;
  SteadyTime arrived;
};

}  // namespace xc::engine::llama
