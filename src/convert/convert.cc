#include "convert/convert.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/limits.h"
#include "catalog/file.h"
#include "convert/general.h"
#include "convert/gguf_writer.h"
#include "convert/rows.h"
#include "convert/tokenizer.h"

namespace xc::convert {
namespace {

constexpr std::uint64_t kFloatsAtOnce = 4u << 20;  // 16 MiB of rows

// What one tensor is written as: norms and routers stay f32, and rows that are no whole blocks of
// Q8_0 become f16, as llama.cpp's own tools do.
OutputType type_of(const PlannedTensor& tensor, OutputType wanted) {
  if (tensor.full_precision || tensor.shape.size() < 2) return OutputType::F32;
  if (wanted == OutputType::Q8_0 && tensor.columns() % kQ8Block != 0) return OutputType::F16;
  return wanted;
}

// Infinities and NaN have the highest exponent; 16-bit floats end at 65504. Position of the first
// value that the file cannot hold, or `count`.
std::uint64_t first_bad(const float* values, std::uint64_t count, OutputType type) {
  const float limit = type == OutputType::F16 ? kF16Max : std::numeric_limits<float>::max();
  bool fine = true;
  for (std::uint64_t i = 0; i < count; ++i) fine = fine & (std::fabs(values[i]) <= limit);
  if (fine) return count;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!(std::fabs(values[i]) <= limit)) return i;
  }
  return count;
}

class Job {
 public:
  Job(const Checkpoint& checkpoint, const HfConfig& config, const ModelPlan& plan,
      const std::vector<GgufOutput>& outputs, GgufWriter& writer, const ConvertProgress& progress)
      : reader_(checkpoint, config),
        plan_(plan),
        outputs_(outputs),
        writer_(writer),
        progress_(progress),
        done_(writer.kept_bytes()) {}

  Status run() {
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (writer_.has(i)) continue;
      writer_.begin(i);
      XC_CHECK(plan_.tensors[i].sources.empty() ? write_values(i) : write_rows(i));
      XC_CHECK(writer_.end());
    }
    return {};
  }

 private:
  Status write_values(std::size_t i) {
    const std::vector<float>& values = plan_.tensors[i].values;
    return put(i, values.data(), values.size());
  }

  Status write_rows(std::size_t i) {
    const PlannedTensor& tensor = plan_.tensors[i];
    const std::uint64_t rows = tensor.rows(), columns = tensor.columns();
    reader_.start(tensor);
    for (std::uint64_t row = 0; row < rows;) {
      const std::uint64_t count = reader_.rows_at_once(row, kFloatsAtOnce);
      floats_.resize(count * columns);
      reader_.read(row, count, floats_.data());
      const std::uint64_t bad = first_bad(floats_.data(), floats_.size(), outputs_[i].type);
      if (bad < floats_.size()) return refuse(tensor, outputs_[i].type, row + bad / columns, bad);
      XC_CHECK(put(i, floats_.data(), floats_.size()));
      row += count;
    }
    reader_.finish();
    return {};
  }

  Status refuse(const PlannedTensor& tensor, OutputType type, std::uint64_t row,
                std::uint64_t at) const {
    const float value = floats_[at];
    const char* advice = std::isfinite(value) && type == OutputType::F16
                             ? ", more than f16 holds: convert with --type bf16 or q8_0"
                             : "; the file is damaged or not of this family";
    return bad_checkpoint(tensor.sources.front(), fmt::format("row {} of '{}' holds {}{}", row,
                                                              tensor.name, value, advice));
  }

  Status put(std::size_t i, const float* values, std::uint64_t count) {
    bytes_.resize(encoded_bytes(outputs_[i].type, count));
    encode(outputs_[i].type, values, count, reinterpret_cast<unsigned char*>(bytes_.data()));
    XC_CHECK(writer_.append(bytes_));
    done_ += bytes_.size();
    if (progress_ && !progress_(Phase::Write, done_, writer_.total_bytes())) {
      return fail(Code::Cancelled, Message::Cancelled, {outputs_[i].name});
    }
    return {};
  }

  RowReader reader_;
  const ModelPlan& plan_;
  const std::vector<GgufOutput>& outputs_;
  GgufWriter& writer_;
  const ConvertProgress& progress_;
  std::uint64_t done_;
  std::vector<float> floats_;
  std::string bytes_;
};

Result<OutputType> wanted_type(const std::string& name) {
  const auto type = output_type_of(name);
  if (type) return *type;
  return fail_field("type", Message::BadValue, {"type", name, "f32 f16 bf16 q8_0"});
}

Result<HfConfig> read_config(const Checkpoint& checkpoint) {
  XC_TRY(const auto text, checkpoint.text_of("config.json", limits::kConfigBytesMax));
  if (!text) {
    return fail(Code::NotFound, Message::FileMissing, {checkpoint.folder() + "/config.json"});
  }
  return parse_config(*text);
}

Result<GeneralFacts> general_facts(const Checkpoint& checkpoint, const ConvertOptions& options,
                                   OutputType type, const ConvertProgress& progress) {
  GeneralFacts facts;
  std::error_code error;
  const auto folder = std::filesystem::canonical(options.folder, error);
  facts.name = folder.filename().string();
  facts.version = options.version;
  facts.type = type;
  XC_TRY(const auto readme, checkpoint.text_of("README.md", limits::kTokenizerBytesMax));
  if (readme) facts.licence = licence_of(*readme);
  XC_TRY(facts.digests,
         source_digests(checkpoint, [&progress](std::uint64_t done, std::uint64_t total) {
           return !progress || progress(Phase::Digest, done, total);
         }));
  return facts;
}

}  // namespace

Result<Converted> convert(const ConvertOptions& options, const ConvertProgress& progress) {
  XC_TRY(const OutputType wanted, wanted_type(options.type));
  if (catalog::stamp_of(options.output)) {
    return fail(Code::Conflict, Message::OutputExists, {options.output});
  }
  XC_TRY(const Checkpoint checkpoint, Checkpoint::open(options.folder));
  XC_TRY(const HfConfig config, read_config(checkpoint));
  XC_TRY(const ModelPlan plan, plan_model(config, checkpoint, {options.context, options.with_mtp}));
  XC_TRY(const Tokenizer tokenizer, read_tokenizer(checkpoint, config, options.pre));
  XC_TRY(const GeneralFacts facts, general_facts(checkpoint, options, wanted, progress));
  Metadata metadata;
  add_general(facts, plan, metadata);
  metadata.insert(metadata.end(), plan.metadata.begin(), plan.metadata.end());
  add_tokenizer(tokenizer, metadata);
  Converted result{options.output, plan.family, plan.architecture, 0, 0, 0, plan.notes};
  std::vector<GgufOutput> outputs;
  for (const PlannedTensor& tensor : plan.tensors) {
    outputs.push_back({tensor.name, tensor.shape, type_of(tensor, wanted)});
    result.parameters += tensor.rows() * tensor.columns();
  }
  XC_TRY(GgufWriter writer, GgufWriter::open(options.output, metadata, outputs,
                                             [&progress](std::uint64_t done, std::uint64_t total) {
                                               return !progress ||
                                                      progress(Phase::Write, done, total);
                                             }));
  result.bytes = writer.total_bytes();
  result.kept_bytes = writer.kept_bytes();
  XC_CHECK(Job(checkpoint, config, plan, outputs, writer, progress).run());
  XC_CHECK(writer.finish());
  return result;
}

}  // namespace xc::convert
