// What models there are and which run, as Ollama's clients ask it.
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/ollama.h"
#include "schema/ollama.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;
namespace ollama = schema::ollama;

constexpr std::int64_t kMsPerS = 1000;

json::object details_of(const ModelRow& row) {
  return {{"parent_model", row.parent},
          {"format", "gguf"},
          {"family", row.family},
          {"families", json::array{row.family}},
          {"parameter_size", row.parameter_size},
          {"quantization_level", row.quantization}};
}

json::object render_model(const ModelRow& row) {
  return {{"name", row.name},
          {"model", row.name},
          {"modified_at", ollama::time_of(row.created_unix * kMsPerS)},
          {"size", row.bytes},
          {"digest", row.sha256},
          {"details", details_of(row)}};
}

// Ours in Ollama's words; what it has no word for is left out.
json::array capabilities_of(const ModelRow& row) {
  struct Pair {
    std::string_view ours, theirs;
  };
  constexpr std::array kPairs{Pair{"completion", "completion"}, Pair{"tools", "tools"},
                              Pair{"infill", "insert"},         Pair{"vision", "vision"},
                              Pair{"embedding", "embedding"},   Pair{"reasoning", "thinking"}};
  json::array out;
  for (const Pair& pair : kPairs) {
    if (std::ranges::find(row.capabilities, pair.ours) != row.capabilities.end()) {
      out.emplace_back(pair.theirs);
    }
  }
  return out;
}

Task<Status> reply_models(Call& call, json::array models) {
  const json::object list{{"models", std::move(models)}};
  std::string body = json::serialize(list);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

}  // namespace

Task<Status> ollama_tags(Call& call) {
  json::array models;
  const ModelRows rows = call.services.models();
  for (const ModelRow& row : *rows) {
    if (may_use(call.caller, row)) models.push_back(render_model(row));
  }
  return reply_models(call, std::move(models));
}

Task<Status> ollama_show(Call& call) {
  Result<std::string> name = ollama::parse_show(call.request().body);
  if (!name) co_return std::unexpected(std::move(name.error()));
  const Result<SharedRow> found = allowed_model(call, *name);
  if (!found) co_return std::unexpected(found.error());
  const ModelRow& row = **found;
  call.audit.model(row.name);
  json::object info{{"general.architecture", row.family}};
  info[row.family + ".context_length"] = row.context;
  const json::object out{{"license", row.licence},
                         {"modelfile", "# " + row.name},
                         {"parameters", ""},
                         {"template", ""},
                         {"details", details_of(row)},
                         {"model_info", std::move(info)},
                         {"capabilities", capabilities_of(row)},
                         {"modified_at", ollama::time_of(row.created_unix * kMsPerS)}};
  std::string body = json::serialize(out);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Task<Status> ollama_ps(Call& call) {
  json::array models;
  const ModelRows rows = call.services.models();
  for (const fleet::ModelStatus& worker : call.services.fleet.status()) {
    const auto row = std::ranges::find(*rows, worker.name, &ModelRow::name);
    if (worker.state != fleet::State::Ready || row == rows->end()) continue;
    if (!may_use(call.caller, *row)) continue;
    json::object model = render_model(*row);
    model.erase("modified_at");
    model["context_length"] = worker.context;
    model["size_vram"] = 0;
    if (worker.expires_unix_ms) model["expires_at"] = ollama::time_of(*worker.expires_unix_ms);
    models.push_back(std::move(model));
  }
  return reply_models(call, std::move(models));
}

Task<Status> ollama_version(Call& call) {
  const json::object out{{"version", ollama::kApiVersion}, {"xingcha", call.services.version}};
  std::string body = json::serialize(out);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

}  // namespace xc::gateway
