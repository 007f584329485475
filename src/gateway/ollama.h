// Ollama's routes, so that its clients work unchanged.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

// Chat and generate pass the stages of every answer. A request that asks nothing loads the model;
// with keep_alive 0 it unloads it, which only platform admins may: others use it too. Else
// keep_alive is the operator's setting.
Task<Status> ollama_chat(Call& call);
Task<Status> ollama_generate(Call& call);
Task<Status> ollama_embed(Call& call);
Task<Status> ollama_embeddings(Call& call);

// Of what the caller's key may use.
Task<Status> ollama_tags(Call& call);
Task<Status> ollama_show(Call& call);
Task<Status> ollama_ps(Call& call);
Task<Status> ollama_version(Call& call);

}  // namespace xc::gateway
