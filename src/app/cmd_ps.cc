#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/command.h"
#include "app/running_models.h"
#include "app/terminal.h"
#include "base/clock.h"

namespace xc::app {
namespace {

namespace json = boost::json;

void print_json(const std::vector<RunningModel>& models) {
  json::array list;
  for (const RunningModel& model : models) {
    json::object row{{"name", model.name},
                     {"state", model.state},
                     {"reason", model.reason},
                     {"pid", model.pid},
                     {"in_flight", model.in_flight},
                     {"restarts", model.restarts},
                     {"context", model.context},
                     {"resident_bytes", model.resident_bytes},
                     {"started_unix_ms", model.started_unix_ms},
                     {"expires_unix_ms", nullptr}};
    if (model.expires_unix_ms) row["expires_unix_ms"] = *model.expires_unix_ms;
    list.push_back(std::move(row));
  }
  fmt::print("{}\n", json::serialize(json::object{{"models", std::move(list)}}));
}

std::string until_text(const RunningModel& model, Language language) {
  if (model.in_flight > 0) return "-";
  if (!model.expires_unix_ms) {
    return model.pid > 0 ? std::string(texts::Never.in(language)) : "-";
  }
  const std::int64_t left_ms = *model.expires_unix_ms - SystemClock().unix_ms();
  return say<texts::InSeconds>(language, std::max<std::int64_t>(left_ms / 1000, 0));
}

void print_table(const std::vector<RunningModel>& models, Language language) {
  Table table;
  std::vector<std::string> head;
  for (const Bilingual& title :
       {texts::ColName, texts::ColState, texts::ColPid, texts::ColMemory, texts::ColContext,
        texts::ColBusy, texts::ColUntil, texts::ColReason}) {
    head.emplace_back(title.in(language));
  }
  table.add(std::move(head));
  for (const RunningModel& model : models) {
    table.add({model.name, model.state, model.pid > 0 ? std::to_string(model.pid) : "-",
               model.resident_bytes > 0 ? bytes_text(model.resident_bytes) : "-",
               std::to_string(model.context), std::to_string(model.in_flight),
               until_text(model, language), model.reason});
  }
  fmt::print("{}", table.text());
}

Result<int> ps(const Surroundings& here, bool as_json) {
  XC_TRY(Credentials credentials, credentials_of(here.home));
  const ApiClient api(std::move(credentials), here.language);
  XC_TRY(std::vector<RunningModel> models, running_models(api));
  // One that was stopped in good order is not there any more; one that failed is worth a line.
  std::erase_if(models, [](const RunningModel& model) { return model.state == "available"; });
  if (as_json) {
    print_json(models);
  } else if (models.empty()) {
    fmt::print(stderr, "{}\n", texts::NothingRuns.in(here.language));
  } else {
    print_table(models, here.language);
  }
  return kExitFine;
}

}  // namespace

Command ps_command() {
  const auto as_json = std::make_shared<bool>(false);
  Command command{"ps", texts::HelpPs};
  command.options = {
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = as_json.get()}};
  command.run = [as_json](const Surroundings& here) { return ps(here, *as_json); };
  return command;
}

}  // namespace xc::app
