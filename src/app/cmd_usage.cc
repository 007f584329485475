// What was used and what it cost, as the running server has added it up.
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <ctime>

#include "app/api_client.h"
#include "app/command.h"
#include "app/terminal.h"

namespace xc::app {
namespace {

namespace json = boost::json;

struct UsageFlags {
  std::string by = "day,model";
  std::string from, to, tenant;
  bool json = false;
};

std::string target_of(const UsageFlags& flags) {
  std::string target = "/admin/usage?group_by=" + path_escaped(flags.by);
  const std::pair<std::string_view, const std::string*> fields[]{
      {"from", &flags.from}, {"to", &flags.to}, {"tenant", &flags.tenant}};
  for (const auto& [name, value] : fields) {
    if (!value->empty()) target += fmt::format("&{}={}", name, path_escaped(*value));
  }
  return target;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// Hours and days are Unix milliseconds on the wire.
std::string shown(std::string_view name, const std::string& value) {
  if (name != "hour" && name != "day") return value;
  const std::time_t seconds = std::strtoll(value.c_str(), nullptr, 10) / 1000 + 8 * 3600;
  std::tm date{};
  ::gmtime_r(&seconds, &date);  // the server's days are those of Beijing, wherever this runs
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), name == "day" ? "%Y-%m-%d" : "%Y-%m-%d %H:00", &date);
  return text.data();
}

std::int64_t number_in(const json::object& row, std::string_view name) {
  const json::value* value = row.if_contains(name);
  return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

std::string text_in(const json::object& row, std::string_view name) {
  const json::value* value = row.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

void print_table(const json::array& rows, const std::string& by, Language language) {
  const std::vector<std::string> names = split(by);
  Table table;
  std::vector<std::string> head = names;
  for (const Bilingual& title : {texts::ColRequests, texts::ColPromptTokens, texts::ColCachedTokens,
                                 texts::ColAnswerTokens, texts::ColYuan}) {
    head.emplace_back(title.in(language));
  }
  table.add(std::move(head));
  for (const json::value& value : rows) {
    if (!value.is_object()) continue;
    const json::object& row = value.as_object();
    std::vector<std::string> cells;
    for (const std::string& name : names) cells.push_back(shown(name, text_in(row, name)));
    for (const char* name : {"requests", "prompt_tokens", "cached_tokens", "completion_tokens"}) {
      cells.push_back(std::to_string(number_in(row, name)));
    }
    const std::int64_t micro = number_in(row, "cost_micro_yuan");
    cells.push_back(fmt::format("{}.{:06}", micro / 1'000'000, micro % 1'000'000));
    table.add(std::move(cells));
  }
  fmt::print("{}", table.text());
}

Result<int> usage(const Surroundings& here, const UsageFlags& flags) {
  XC_TRY(Credentials credentials, credentials_of(here.home));
  const ApiClient api(std::move(credentials), here.language);
  XC_TRY(const std::string body, api.call("GET", target_of(flags)));
  if (flags.json) {
    fmt::print("{}\n", body);
    return kExitFine;
  }
  boost::system::error_code error;
  const json::value document = json::parse(body, error);
  const json::value* rows = error ? nullptr : document.find_pointer("/usage", error);
  if (rows == nullptr || !rows->is_array()) {
    return fail(Code::Upstream, Message::UpstreamFailed, {"/admin/usage"});
  }
  print_table(rows->as_array(), flags.by, here.language);
  return kExitFine;
}

}  // namespace

Command usage_command() {
  const auto flags = std::make_shared<UsageFlags>();
  Command command{"usage", texts::HelpUsage};
  command.options = {
      {.name = "--by", .value = "LIST", .help = texts::HelpUsageBy, .target = &flags->by},
      {.name = "--from", .value = "TIME", .help = texts::HelpUsageFrom, .target = &flags->from},
      {.name = "--to", .value = "TIME", .help = texts::HelpUsageTo, .target = &flags->to},
      {.name = "--tenant",
       .value = "TENANT",
       .help = texts::HelpUsageTenant,
       .target = &flags->tenant},
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json}};
  command.run = [flags](const Surroundings& here) { return usage(here, *flags); };
  return command;
}

}  // namespace xc::app
