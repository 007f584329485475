#include "catalog/manifest.h"

#include <boost/json.hpp>

#include "catalog/names.h"
#include "catalog/sha256.h"

namespace xc::catalog {
namespace {

namespace json = boost::json;

constexpr int kFormat = 2;
constexpr int kFormatModel = 1;  // of what is no adapter: programs that know no adapters read it

// One list of fields serves both directions: `visit(name, member)` for each.
template <typename Facts, typename Visit>
void each_fact(Facts& f, const Visit& visit) {
  visit("architecture", f.architecture);
  visit("name", f.name);
  visit("quantization", f.quantization);
  visit("licence", f.licence);
  visit("parameters", f.parameters);
  visit("file_bytes", f.file_bytes);
  visit("tensor_bytes", f.tensor_bytes);
  visit("context", f.context);
  visit("embedding", f.embedding);
  visit("layers", f.layers);
  visit("heads", f.heads);
  visit("heads_kv", f.heads_kv);
  visit("head_dim_k", f.head_dim_k);
  visit("head_dim_v", f.head_dim_v);
  visit("kv_lora_rank", f.kv_lora_rank);
  visit("rope_dim", f.rope_dim);
  visit("vocabulary", f.vocabulary);
  visit("experts", f.experts);
  visit("experts_used", f.experts_used);
  visit("sliding_window", f.sliding_window);
  visit("pooling", f.pooling);
  visit("has_chat_template", f.has_chat_template);
  visit("template_has_tools", f.template_has_tools);
  visit("has_infill", f.has_infill);
  visit("recurrent", f.recurrent);
  visit("embedding_only", f.embedding_only);
}

template <typename Sampling, typename Visit>
void each_setting(Sampling& s, const Visit& visit) {
  visit("temperature", s.temperature);
  visit("top_p", s.top_p);
  visit("top_k", s.top_k);
  visit("min_p", s.min_p);
  visit("presence_penalty", s.presence_penalty);
  visit("frequency_penalty", s.frequency_penalty);
  visit("repetition_penalty", s.repetition_penalty);
}

template <typename Accepted, typename Visit>
void each_of_licence(Accepted& a, const Visit& visit) {
  visit("unix_ms", a.unix_ms);
  visit("by", a.by);
  visit("how", a.how);
  visit("url", a.url);
}

json::object file_to_json(const std::string& sha256, std::uint64_t bytes, std::int64_t mtime_ns) {
  return {{"sha256", sha256}, {"bytes", bytes}, {"mtime_ns", mtime_ns}};
}

// Absent members leave the value as it is; a member of a wrong type throws, as Boost.JSON does.
template <typename T>
void take(const json::object& from, const char* name, T& into) {
  if (const json::value* value = from.if_contains(name)) into = json::value_to<T>(*value);
}
template <typename T>
void take(const json::object& from, const char* name, std::optional<T>& into) {
  if (const json::value* value = from.if_contains(name)) into = json::value_to<T>(*value);
}

void take_file(const json::object& from, std::string& sha256, std::uint64_t& bytes,
               std::int64_t& mtime_ns) {
  sha256 = json::value_to<std::string>(from.at("sha256"));
  bytes = json::value_to<std::uint64_t>(from.at("bytes"));
  mtime_ns = json::value_to<std::int64_t>(from.at("mtime_ns"));
}

InstalledModel from_json(const json::object& root) {
  InstalledModel model;
  model.name = json::value_to<std::string>(root.at("name"));
  take(root, "aliases", model.aliases);
  take_file(root.at("weights").as_object(), model.sha256, model.weights_bytes, model.mtime_ns);
  if (const json::value* projector = root.if_contains("projector")) {
    take_file(projector->as_object(), model.projector_sha256, model.projector_bytes,
              model.projector_mtime_ns);
  }
  take(root, "source", model.source);
  take(root, "installed_unix_ms", model.installed_unix_ms);
  take(root, "capabilities", model.capabilities);
  take(root, "licence", model.licence);
  if (const json::value* accepted = root.if_contains("licence_accepted")) {
    LicenceAccepted& into = model.licence_accepted.emplace();
    each_of_licence(into, [&accepted](const char* name, auto& member) {
      take(accepted->as_object(), name, member);
    });
  }
  take(root, "adapter_of", model.adapter_of);
  const json::object& facts = root.at("facts").as_object();
  each_fact(model.facts, [&facts](const char* name, auto& into) { take(facts, name, into); });
  if (const json::value* sampling = root.if_contains("sampling")) {
    const json::object& settings = sampling->as_object();
    each_setting(model.sampling,
                 [&settings](const char* name, auto& into) { take(settings, name, into); });
  }
  return model;
}

}  // namespace

std::string render_manifest(const InstalledModel& model) {
  json::object root{{"format", model.adapter_of.empty() ? kFormatModel : kFormat},
                    {"name", model.name},
                    {"aliases", json::value_from(model.aliases)},
                    {"weights", file_to_json(model.sha256, model.weights_bytes, model.mtime_ns)}};
  if (!model.projector_sha256.empty()) {
    root["projector"] =
        file_to_json(model.projector_sha256, model.projector_bytes, model.projector_mtime_ns);
  }
  root["source"] = model.source;
  root["installed_unix_ms"] = model.installed_unix_ms;
  root["capabilities"] = json::value_from(model.capabilities);
  root["licence"] = model.licence;
  if (model.licence_accepted) {
    json::object accepted;
    each_of_licence(*model.licence_accepted, [&accepted](const char* name, const auto& from) {
      accepted[name] = json::value_from(from);
    });
    root["licence_accepted"] = std::move(accepted);
  }
  if (!model.adapter_of.empty()) root["adapter_of"] = model.adapter_of;
  json::object facts, sampling;
  each_fact(model.facts,
            [&facts](const char* name, const auto& from) { facts[name] = json::value_from(from); });
  each_setting(model.sampling, [&sampling](const char* name, const auto& from) {
    if (from) sampling[name] = *from;
  });
  root["facts"] = std::move(facts);
  root["sampling"] = std::move(sampling);
  return json::serialize(root) + "\n";
}

Result<InstalledModel> parse_manifest(std::string_view text, const StoreLayout& layout,
                                      const std::string& name_for_errors) {
  const auto bad = [&name_for_errors](std::string why) {
    return fail(Code::Internal, Message::FileError, {name_for_errors, std::move(why)});
  };
  InstalledModel model;
  try {
    const json::value root = json::parse(text);
    if (json::value_to<int>(root.as_object().at("format")) > kFormat) {
      return bad("a newer format of manifest");
    }
    model = from_json(root.as_object());
  } catch (const std::exception& e) {  // Boost.JSON's way to say what is wrong
    return bad(e.what());
  }
  if (!check_name(model.name)) return bad("a bad model name");
  if (!model.adapter_of.empty() && !model.name.starts_with(model.adapter_of + ":")) {
    return bad("an adapter under a name that is not its model's");
  }
  if (!is_sha256(model.sha256)) return bad("a bad digest");
  model.weights_path = layout.blob(model.sha256);
  model.bytes = model.weights_bytes + model.projector_bytes;
  if (model.projector_sha256.empty()) return model;
  if (!is_sha256(model.projector_sha256)) return bad("a bad digest");
  model.projector_path = layout.blob(model.projector_sha256);
  return model;
}

}  // namespace xc::catalog
