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
      {"cached_live_tokens", stats.cached_live_tokens},
      {"cached_ram_tokens", stats.cached_ram_tokens},
      {"cached_disk_tokens", stats.cached_disk_tokens},
      {"swaps_out", stats.swaps_out},
      {"swaps_in_ram", stats.swaps_in_ram},
      {"swaps_in_disk", stats.swaps_in_disk},
      {"swap_out_bytes", stats.swap_out_bytes},
      {"swap_in_bytes", stats.swap_in_bytes},
      {"drafted_tokens", stats.drafted_tokens},
      {"accepted_tokens", stats.accepted_tokens},
      {"model_drafted_tokens", stats.model_drafted_tokens},
      {"queued_by_class", json::value_from(stats.queued_by_class)},
      {"wait_ms_mean_by_class", json::value_from(stats.wait_ms_mean_by_class)},
      {"chunk_ram_bytes", stats.chunk_ram_bytes},
      {"chunk_disk_bytes", stats.chunk_disk_bytes},
      {"chunk_rejected", stats.chunk_rejected},
      {"adapters_loaded", stats.adapters_loaded},
      {"adapter_bytes", stats.adapter_bytes},
      {"adapter_switches", stats.adapter_switches},
  };
  return json::serialize(out);
}

std::string render_view(const EngineView& view) {
  json::array sequences;
  for (const EngineView::Sequence& held : view.sequences) {
    json::object one{{"seq", held.seq},        {"state", held.state},
                     {"tokens", held.tokens},  {"shared", held.shared},
                     {"shared_with", nullptr}, {"tenant_hash", held.tenant_hash}};
    if (held.shared_with >= 0) one["shared_with"] = held.shared_with;
    sequences.push_back(std::move(one));
  }
  json::array queue;
  for (const EngineView::Waiting& waiting : view.queue) {
    queue.push_back({{"request_id", waiting.request_id},
                     {"priority", waiting.priority},
                     {"tokens", waiting.tokens},
                     {"waited_ms", waiting.waited_ms},
                     {"tenant_hash", waiting.tenant_hash}});
  }
  const json::object out{{"sequences", std::move(sequences)}, {"queue", std::move(queue)}};
  return json::serialize(out);
}

}  // namespace xc::engine
