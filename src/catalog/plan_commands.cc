#include "catalog/plan_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace xc::catalog {
namespace {

namespace json = boost::json;

constexpr int kVllmPort = 8000, kSglangPort = 30000, kMindiePort = 1025;  // their defaults
constexpr std::uint64_t kMindieBatchMax = 5000;

int tensor_of(const CardPlan& plan) { return plan.cards / std::max(plan.servers, 1); }

bool loads_as(const std::string& stored, std::string_view precision) {
  return stored == precision || (stored == "bf16" && precision == "f16");
}

// Weights that are released in another precision besides are another folder.
std::string weights_of(const Release& release, const CardPlan& plan) {
  return loads_as(release.precision, plan.precision)
             ? fmt::format("/models/{}", release.name)
             : fmt::format("/models/{}-{}", release.name, plan.precision);
}

std::string vllm_line(const Release& release, const CardPlan& plan, const PlanAsk& ask) {
  std::string line = fmt::format(
      "vllm serve {} --served-model-name {} --tensor-parallel-size {} --max-model-len {} "
      "--max-num-seqs {} --gpu-memory-utilization 0.9 --port {}",
      weights_of(release, plan), release.name, tensor_of(plan), ask.context, ask.concurrency,
      kVllmPort);
  if (plan.servers > 1) line += fmt::format(" --pipeline-parallel-size {}", plan.servers);
  if (plan.precision == "f16") line += " --dtype float16";
  if (release.remote_code) line += " --trust-remote-code";
  if (!release.tool_parser.empty()) {
    line += fmt::format(" --enable-auto-tool-choice --tool-call-parser {}", release.tool_parser);
  }
  if (!release.reasoning_parser.empty()) {
    line += fmt::format(" --reasoning-parser {}", release.reasoning_parser);
  }
  return line;
}

std::string sglang_line(const Release& release, const CardPlan& plan, const PlanAsk& ask) {
  std::string line = fmt::format(
      "python3 -m sglang.launch_server --model-path {} --served-model-name {} --tp {} "
      "--context-length {} --max-running-requests {} --mem-fraction-static 0.9 --port {}",
      weights_of(release, plan), release.name, plan.cards, ask.context, ask.concurrency,
      kSglangPort);
  if (plan.servers > 1) {
    line += fmt::format(" --nnodes {} --node-rank 0 --dist-init-addr HOST:5000", plan.servers);
  }
  if (release.remote_code) line += " --trust-remote-code";
  // Its parsers have names of their own.
  if (release.tool_parser == "deepseek_v3") line += " --tool-call-parser deepseekv3";
  if (release.reasoning_parser == "deepseek_r1") line += " --reasoning-parser deepseek-r1";
  return line;
}

std::string mindie_config(const Release& release, const CardPlan& plan, const PlanAsk& ask) {
  const int here = tensor_of(plan);
  json::array devices, instances;  // a list of the cards of each instance: one here
  for (int i = 0; i < here; ++i) devices.push_back(i);
  instances.push_back(std::move(devices));
  // Its defaults would refuse prompts beyond 2048 tokens and end every answer after 512.
  const std::uint64_t input = std::max<std::uint64_t>(ask.context, 2) - 1;
  const json::object model{{"modelName", release.name},
                           {"modelWeightPath", weights_of(release, plan)},
                           {"worldSize", plan.cards},
                           {"trustRemoteCode", release.remote_code}};
  const json::object backend{
      {"npuDeviceIds", std::move(instances)},
      {"multiNodesInferEnabled", plan.servers > 1},
      {"ModelDeployConfig", json::object{{"maxSeqLen", ask.context},
                                         {"maxInputTokenLen", input},
                                         {"ModelConfig", json::array({model})}}},
      {"ScheduleConfig",
       json::object{{"maxBatchSize", std::min<std::uint64_t>(ask.concurrency, kMindieBatchMax)},
                    {"maxPrefillBatchSize", 0},  // as maxBatchSize
                    {"maxPrefillTokens", std::max<std::uint64_t>(input, 8192)},
                    {"maxIterTimes", ask.context}}}};
  // It listens on 127.0.0.1 with TLS unless told.
  const json::object server{{"ipAddress", "HOST"}, {"port", kMindiePort}, {"httpsEnabled", false}};
  return json::serialize(json::object{{"ServerConfig", server}, {"BackendConfig", backend}});
}

EngineCommand command_of(const std::string& engine, const Release& release, const CardPlan& plan,
                         const PlanAsk& ask) {
  if (engine == "vllm") {
    return {engine, release.vllm, vllm_line(release, plan, ask), "",
            fmt::format("http://HOST:{}", kVllmPort)};
  }
  if (engine == "sglang") {
    return {engine, release.sglang, sglang_line(release, plan, ask), "",
            fmt::format("http://HOST:{}", kSglangPort)};
  }
  std::string lines =
      "cd /usr/local/Ascend/mindie/latest/mindie-service && ./bin/mindieservice_daemon";
  if (plan.servers > 1) lines = "export RANK_TABLE_FILE=/path/to/ranktable.json\n" + lines;
  return {engine, release.mindie, lines, mindie_config(release, plan, ask),
          fmt::format("http://HOST:{}", kMindiePort)};
}

}  // namespace

bool is_released(const Release& release, std::string_view precision) {
  return std::ranges::any_of(release.precisions, [precision](const std::string& stored) {
    return loads_as(stored, precision);
  });
}

std::vector<EngineCommand> commands_of(const Release& release, const CardPlan& plan,
                                       const PlanAsk& ask) {
  std::vector<EngineCommand> commands;
  if (plan.cards == 0) return commands;
  for (const std::string& engine : plan.engines) {
    commands.push_back(command_of(engine, release, plan, ask));
  }
  return commands;
}

std::string endpoint_of(const Release& release, const CardPlan& plan, const EngineCommand& engine) {
  return json::serialize(json::object{{"name", fmt::format("{}-{}", release.name, engine.engine)},
                                      {"pool", plan.card->name},
                                      {"url", engine.url},
                                      {"vendor", engine.engine},
                                      {"model", release.name}});
}

std::string joining_of(const Release& release, const CardPlan& plan, const EngineCommand& engine) {
  return fmt::format(
      "xingcha pool set {0} --hardware {0}\n"
      "xingcha endpoint set {1}-{2} --pool {0} --url {3} --vendor {2}\n"
      "xingcha pool route {1} {0}={1}",
      plan.card->name, release.name, engine.engine, engine.url);
}

}  // namespace xc::catalog
