#include "convert/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/limits.h"
#include "catalog/file.h"
#include "convert/conversion.h"
#include "convert/general.h"
#include "convert/gguf_writer.h"
#include "convert/tokenizer.h"
#include "schema/builtin_templates.h"

namespace xc::convert {
namespace {

constexpr const char* kTelechatLicence = "LicenseRef-TeleChat";

Result<OutputType> wanted_type(const std::string& name) {
  const auto type = output_type_of(name);
  if (type) return *type;
  return fail_field("type", Message::BadValue, {"type", name, "f32 f16 bf16 q8_0"});
}

unsigned threads_of(const ConvertOptions& options) {
  const unsigned wanted =
      options.threads != 0 ? options.threads : std::thread::hardware_concurrency();
  return std::clamp(wanted, 1u, limits::kConvertThreadsMax);
}

Result<HfConfig> read_config(const Checkpoint& checkpoint) {
  XC_TRY(const auto text, checkpoint.text_of("config.json", limits::kConfigBytesMax));
  if (!text) {
    return fail(Code::NotFound, Message::FileMissing, {checkpoint.folder() + "/config.json"});
  }
  return parse_config(*text);
}

Result<GeneralFacts> general_facts(const Checkpoint& checkpoint, const ConvertOptions& options,
                                   OutputType type) {
  GeneralFacts facts;
  std::error_code error;
  const auto folder = std::filesystem::canonical(options.folder, error);
  facts.name = folder.filename().string();
  facts.version = options.version;
  facts.type = type;
  XC_TRY(const auto readme, checkpoint.text_of("README.md", limits::kTokenizerBytesMax));
  if (readme) facts.licence = licence_of(*readme);
  XC_TRY(facts.digests, small_digests(checkpoint));
  return facts;
}

bool has_piece(const Tokenizer& tokenizer, std::string_view text) {
  return std::ranges::find(tokenizer.tokens, text) != tokenizer.tokens.end();
}

// TeleChat's first generation and Xing4 may come without a template. 52B spells its markers with
// ordinary pieces, so its vocabulary does not tell.
void add_builtin_template(const ModelPlan& plan, const Tokenizer& tokenizer, Metadata& metadata) {
  std::string found =
      schema::builtin_template(static_cast<int>(tokenizer.tokens.size()),
                               [&](std::string_view text) { return has_piece(tokenizer, text); });
  if (found.empty() && plan.family.starts_with("TeleChat-52B")) found = schema::kTeleChat1Template;
  if (!found.empty()) metadata.emplace_back("tokenizer.chat_template", std::move(found));
}

// The folder's README speaks of the code; the import records what is said here. TeleChat3 has
// Llama's names and may call itself that: its role markers tell.
void add_telechat_licence(const Tokenizer& tokenizer, ModelPlan& plan, GeneralFacts& facts) {
  if (!plan.telechat && !(has_piece(tokenizer, "<_user>") && has_piece(tokenizer, "<_bot>")))
    return;
  facts.licence = kTelechatLicence;
  plan.notes.push_back(
      "TeleChat's community licence asks for an application by e-mail before commercial use");
}

Metadata metadata_of(GeneralFacts facts, const Checkpoint& checkpoint,
                     const std::vector<std::string>& shard_digests, const ModelPlan& plan,
                     const Tokenizer& tokenizer) {
  for (std::size_t i = 0; i < checkpoint.files().size(); ++i) {
    facts.digests.push_back(fmt::format("{} {}", checkpoint.files()[i].name(), shard_digests[i]));
  }
  Metadata metadata;
  add_general(facts, plan, metadata);
  metadata.insert(metadata.end(), plan.metadata.begin(), plan.metadata.end());
  add_tokenizer(tokenizer, metadata);
  if (tokenizer.chat_template.empty()) add_builtin_template(plan, tokenizer, metadata);
  return metadata;
}

Status check_unchanged(const Checkpoint& checkpoint, const std::string& before) {
  XC_TRY(const std::string now, identity_of(checkpoint));
  if (now == before) return {};
  return bad_checkpoint(checkpoint.folder(), "its files changed while they were read");
}

}  // namespace

Result<Converted> convert(const ConvertOptions& options, const ConvertProgress& progress) {
  XC_TRY(const OutputType wanted, wanted_type(options.type));
  if (catalog::stamp_of(options.output)) {
    return fail(Code::Conflict, Message::OutputExists, {options.output});
  }
  XC_TRY(const Checkpoint checkpoint, Checkpoint::open(options.folder));
  XC_TRY(const HfConfig config, read_config(checkpoint));
  XC_TRY(ModelPlan plan, plan_model(config, checkpoint, {options.context, options.with_mtp}));
  XC_TRY(const Tokenizer tokenizer, read_tokenizer(checkpoint, config, options.pre));
  XC_TRY(GeneralFacts facts, general_facts(checkpoint, options, wanted));
  add_telechat_licence(tokenizer, plan, facts);
  if (options.on_licence) options.on_licence(facts.licence);
  XC_CHECK(add_sampling(checkpoint, plan));
  XC_TRY(const std::string identity, identity_of(checkpoint));
  Converted result{options.output, plan.family, plan.architecture, 0, 0, 0, plan.notes};
  std::vector<GgufOutput> outputs;
  for (const PlannedTensor& tensor : plan.tensors) {
    outputs.push_back({tensor.name, tensor.shape, type_of(tensor, wanted)});
    result.parameters += tensor.rows() * tensor.columns();
  }
  // The digests of the shards are known at the end and are as long as these.
  const std::vector<std::string> blank(checkpoint.files().size(), std::string(64, '0'));
  XC_TRY(GgufWriter writer,
         GgufWriter::open(options.output, metadata_of(facts, checkpoint, blank, plan, tokenizer),
                          outputs, identity, progress));
  result.bytes = writer.total_bytes();
  result.kept_bytes = writer.kept_bytes();
  XC_TRY(const std::vector<std::string> digests,
         Conversion(checkpoint, config, plan, outputs, writer, progress).run(threads_of(options)));
  XC_CHECK(check_unchanged(checkpoint, identity));
  XC_CHECK(writer.finish(metadata_of(facts, checkpoint, digests, plan, tokenizer)));
  return result;
}

Result<std::string> nearest_type(const std::string& folder) {
  XC_TRY(const Checkpoint checkpoint, Checkpoint::open(folder));
  std::uint64_t half = 0, brain = 0;  // bytes; f8 has an exponent that its scales move beyond f16's
  for (const WeightsFile& file : checkpoint.files()) {
    for (const auto& [name, tensor] : file.header().tensors) {
      const bool fits = tensor.type == Dtype::F16 || tensor.type == Dtype::F32;
      (fits ? half : brain) += tensor.end - tensor.begin;
    }
  }
  return brain > half ? "bf16" : "f16";
}

}  // namespace xc::convert
