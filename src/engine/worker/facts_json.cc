#include "engine/worker/facts_json.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

namespace xc::engine {

namespace json = boost::json;

std::string render_models(const Facts& facts) {
  json::object about{
      {"architecture", facts.architecture},
      {"description", facts.description},
      {"digest", facts.digest},
      {"context", facts.context},
      {"cells", facts.cells},
      {"vocabulary", facts.vocabulary},
      {"embedding", facts.embedding},
      {"parameters", facts.parameters},
      {"bytes", facts.bytes},
      {"chat", facts.chat},
      {"vision", facts.vision},
      {"embeddings", facts.embeddings},
      {"rerank", facts.rerank},
      {"infill", facts.infill},
      {"thinking", facts.thinking},
      {"cpu_variant", facts.cpu_variant},
      {"devices", json::value_from(facts.devices)},
      {"self_test", facts.self_test},
  };
  json::object model{{"id", facts.name},
                     {"object", "model"},
                     {"created", 0},
                     {"owned_by", "xingcha"},
                     {"xingcha", std::move(about)}};
  json::array data;
  data.push_back(std::move(model));
  const json::object list{{"object", "list"}, {"data", std::move(data)}};
  return json::serialize(list);
}

std::string render_stats(const Stats& stats) {
  const json::object out{
      {"requests_total", stats.requests_total},
      {"requests_failed", stats.requests_failed},
      {"requests_cancelled", stats.requests_cancelled},
      {"prompt_tokens_asked", stats.prompt_tokens_asked},
      {"prompt_tokens_computed", stats.prompt_tokens_computed},
      {"tokens_generated", stats.tokens_generated},
      {"steps", stats.steps},
      {"preemptions", stats.preemptions},
      {"queued", stats.queued},
      {"running", stats.running},
      {"cells_used", stats.cells_used},
      {"cells", stats.cells},
      {"step_ms_mean", stats.step_ms_mean},
  };
  return json::serialize(out);
}

}  // namespace xc::engine
