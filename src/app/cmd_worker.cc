// Internal: the fleet starts it. Everything that could be asked of a user is a setting of `serve`.
#include <fmt/format.h>

#include <charconv>

#include "app/command.h"
#include "base/log.h"
#include "engine/worker/worker.h"

namespace xc::app {
namespace {

struct WorkerFlags {
  engine::WorkerOptions options;
  std::vector<std::string> sampling;  // name=value
};

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Status put_sampling(schema::Sampling& sampling, const std::string& text) {
  const std::size_t cut = text.find('=');
  const std::string name = text.substr(0, cut);
  const std::optional<double> value =
      cut == std::string::npos ? std::nullopt : number_in(std::string_view(text).substr(cut + 1));
  if (!value) {
    return fail(Code::InvalidRequest, Message::BadSetting, {"--sampling", text, "name=number"});
  }
  if (name == "temperature")
    sampling.temperature = value;
  else if (name == "top_p")
    sampling.top_p = value;
  else if (name == "top_k")
    sampling.top_k = static_cast<int>(*value);
  else if (name == "min_p")
    sampling.min_p = value;
  else if (name == "presence_penalty")
    sampling.presence_penalty = value;
  else if (name == "frequency_penalty")
    sampling.frequency_penalty = value;
  else if (name == "repetition_penalty")
    sampling.repetition_penalty = value;
  else
    return fail(Code::InvalidRequest, Message::BadSetting, {"--sampling", text, "name"});
  return {};
}

Result<int> worker(WorkerFlags& flags) {
  for (const std::string& text : flags.sampling) {
    XC_CHECK(put_sampling(flags.options.load.sampling, text));
  }
  log::open(log::Level::Info, false);
  XC_CHECK(engine::run_worker(flags.options));
  return kExitFine;
}

}  // namespace

Command worker_command() {
  const auto flags = std::make_shared<WorkerFlags>();
  engine::LoadOptions& load = flags->options.load;
  Command command{"worker", texts::HelpWorker};
  command.hidden = true;
  const auto add = [&command](std::string name, Target target, bool required = false) {
    command.options.push_back({.name = std::move(name),
                               .value = "VALUE",
                               .help = texts::HelpWorkerOption,
                               .target = target,
                               .required = required});
  };
  add("--model", &load.model_path, true);
  add("--socket", &flags->options.socket, true);
  add("--name", &load.name);
  add("--projector", &load.projector_path);
  add("--draft", &load.draft_path);
  add("--context", &load.context);
  add("--cells", &load.cells);
  add("--sequences", &load.sequences);
  add("--threads", &load.threads);
  add("--batch", &load.batch);
  add("--ubatch", &load.micro_batch);
  add("--kv-type", &load.kv_type);
  add("--gpu-layers", &load.gpu_layers);
  add("--queue", &load.queue_max);
  add("--queue-per-tenant", &load.queue_per_tenant_max);
  add("--target-tbt-ms", &load.target_tbt_ms);
  add("--target-tbt-interactive-ms", &load.target_tbt_interactive_ms);
  add("--target-tbt-background-ms", &load.target_tbt_background_ms);
  add("--chunk-ram-mib", &load.chunk_ram_mib);
  add("--chunk-disk-mib", &load.chunk_disk_mib);
  add("--chunk-folder", &load.chunk_folder);
  add("--speculation", &load.speculation);
  add("--adapter-folder", &load.adapter_folder);
  add("--io-threads", &flags->options.io_threads);
  add("--sampling", &flags->sampling);
  command.run = [flags](const Surroundings&) { return worker(*flags); };
  return command;
}

}  // namespace xc::app
