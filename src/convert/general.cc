#include "convert/general.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/limits.h"
#include "catalog/file.h"
#include "catalog/sha256.h"
#include "convert/quick_hash.h"

namespace xc::convert {
namespace {

constexpr const char* kSmallFiles[] = {
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
};

namespace json = boost::json;

constexpr std::size_t kDepthMax = 16;   // of generation_config.json
constexpr std::size_t kShownMax = 64;   // bytes of a value that is left out
constexpr std::uint64_t kSamples = 64;  // of a file, spread over it; small files are read whole
constexpr std::size_t kSampleBytes = 4096;

// llama.h, enum llama_ftype.
std::uint32_t file_type_of(OutputType type) {
  switch (type) {
    case OutputType::F32:
      return 0;
    case OutputType::F16:
      return 1;
    case OutputType::Q8_0:
      return 7;
    case OutputType::BF16:
      return 32;
  }
  return 1;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kAround = " \t\r\"'";
  const std::size_t first = text.find_first_not_of(kAround);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kAround) - first + 1);
}

}  // namespace

std::string licence_of(std::string_view readme) {
  if (!readme.starts_with("---")) return {};
  std::string licence, licence_name;
  for (std::size_t at = readme.find('\n'); at != std::string_view::npos;) {
    const std::size_t next = readme.find('\n', at + 1);
    const std::string_view line = readme.substr(at + 1, next - at - 1);
    if (line.starts_with("---")) break;
    if (line.starts_with("license:")) licence = trimmed(line.substr(8));
    if (line.starts_with("license_name:")) licence_name = trimmed(line.substr(13));
    at = next;
  }
  return licence.empty() || licence == "other" ? (licence_name.empty() ? licence : licence_name)
                                               : licence;
}

Result<std::vector<std::string>> small_digests(const Checkpoint& checkpoint) {
  std::vector<std::string> digests;
  for (const char* name : kSmallFiles) {
    XC_TRY(const auto text, checkpoint.text_of(name, limits::kTokenizerBytesMax));
    if (!text) continue;
    catalog::Sha256 digest;
    digest.add(*text);
    digests.push_back(fmt::format("{} {}", name, digest.finish()));
  }
  return digests;
}

namespace {

struct SamplingField {
  const char* name;
  double low, high;
};
constexpr SamplingField kSampling[] = {{"temperature", 0, 2},
                                       {"top_p", 0, 1},
                                       {"top_k", 0, 1e6},
                                       {"min_p", 0, 1},
                                       {"repetition_penalty", 0.01, 2}};

}  // namespace

Status add_sampling(const Checkpoint& checkpoint, ModelPlan& plan) {
  const std::string file = "generation_config.json";
  XC_TRY(const auto text, checkpoint.text_of(file, limits::kConfigBytesMax));
  if (!text) return {};
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kDepthMax;
  const json::value parsed = json::parse(*text, error, json::storage_ptr(), options);
  if (error || !parsed.is_object()) return bad_checkpoint(file, "it is no JSON object");
  const json::object& fields = parsed.get_object();
  const json::value* samples = fields.if_contains("do_sample");
  const bool greedy = samples != nullptr && samples->is_bool() && !samples->get_bool();
  for (const auto& [name, low, high] : kSampling) {
    const json::value* value = fields.if_contains(name);
    double number = value != nullptr && value->is_number() ? value->to_number<double>() : -1;
    if (greedy && std::string_view(name) == "temperature") {
      number = 0;
    } else if (value == nullptr || value->is_null()) {
      continue;
    }
    if (number >= low && number <= high) {
      plan.metadata.emplace_back(std::string("xingcha.sampling.") + name,
                                 static_cast<float>(number));
    } else {
      plan.notes.push_back(fmt::format("{}: {} is {}, which is left out ({:g} to {:g})", file, name,
                                       json::serialize(*value).substr(0, kShownMax), low, high));
    }
  }
  return {};
}

Result<std::string> identity_of(const Checkpoint& checkpoint) {
  std::string identity;
  std::string sample(kSampleBytes, '\0');
  for (const WeightsFile& file : checkpoint.files()) {
    XC_TRY(const catalog::File opened, catalog::File::open_read(file.path()));
    XC_TRY(const catalog::FileStamp stamp, opened.stamp());
    QuickHash hash;
    const std::uint64_t step = std::max<std::uint64_t>(stamp.bytes / kSamples, kSampleBytes);
    for (std::uint64_t at = 0; at < stamp.bytes; at += step) {
      XC_TRY(const std::size_t got, opened.read_at(at, sample.data(), sample.size()));
      hash.add(std::string_view(sample).substr(0, got));
    }
    identity +=
        fmt::format("{} {} {} {}\n", file.name(), stamp.bytes, stamp.mtime_ns, hash.finish());
  }
  return identity;
}

void add_general(const GeneralFacts& facts, const ModelPlan& plan, Metadata& metadata) {
  const auto add = [&metadata](std::string_view key, MetadataValue value) {
    metadata.emplace_back(std::string(key), std::move(value));
  };
  add("general.architecture", plan.architecture);
  add("general.type", std::string("model"));
  add("general.name", facts.name);
  if (!facts.licence.empty()) add("general.license", facts.licence);
  add("general.file_type", file_type_of(facts.type));
  add("general.quantization_version", 2u);
  add("xingcha.convert.version", facts.version);
  add("xingcha.convert.family", plan.family);
  add("xingcha.convert.sources", facts.digests);
  if (!plan.notes.empty()) add("xingcha.convert.notes", plan.notes);
}

}  // namespace xc::convert
