#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/doctor.h"
#include "app/terminal.h"

namespace xc::app {
namespace {

namespace json = boost::json;

struct DoctorFlags {
  bool verify = false, json = false;
};

std::string_view name_of(Verdict verdict) {
  if (verdict == Verdict::Fine) return "ok";
  return verdict == Verdict::Warn ? "warning" : "problem";
}

std::string_view mark_of(Verdict verdict) {
  if (verdict == Verdict::Fine) return "✓";
  return verdict == Verdict::Warn ? "!" : "✗";
}

void print_checks(const Checks& checks, std::ptrdiff_t bad, std::ptrdiff_t warned,
                  Language language) {
  Table table;
  for (const Check& check : checks) {
    table.add({fmt::format("{} {}", mark_of(check.verdict), check.title), check.text});
  }
  fmt::print("{}\n", table.text());
  if (bad > 0) fmt::print("{}\n", say<texts::DoctorBad>(language, bad));
  if (warned > 0) fmt::print("{}\n", say<texts::DoctorWarn>(language, warned));
  if (bad + warned == 0) fmt::print("{}\n", texts::DoctorFine.in(language));
}

void print_json(const Checks& checks, bool fine) {
  json::array list;
  for (const Check& check : checks) {
    list.push_back(
        json::object{{"id", check.id}, {"status", name_of(check.verdict)}, {"text", check.text}});
  }
  fmt::print("{}\n", json::serialize(json::object{{"ok", fine}, {"checks", std::move(list)}}));
}

Result<int> doctor(const Surroundings& here, const DoctorFlags& flags) {
  Checks checks;
  check_machine(here, checks);
  const std::optional<Config> config = check_home(here, checks);
  if (config) check_server(here, *config, checks);
  if (config) check_secrets(here, *config, checks);
  if (config) check_operations(here, *config, flags.verify, checks);
  if (config) check_login(here, *config, checks);
  check_models(here, flags.verify, checks);
  check_proxies(here, checks);
  const auto bad = std::ranges::count(checks, Verdict::Bad, &Check::verdict);
  const auto warned = std::ranges::count(checks, Verdict::Warn, &Check::verdict);
  if (flags.json) {
    print_json(checks, bad == 0);
  } else {
    print_checks(checks, bad, warned, here.language);
  }
  return bad == 0 ? kExitFine : kExitFailed;
}

}  // namespace

Command doctor_command() {
  const auto flags = std::make_shared<DoctorFlags>();
  Command command{"doctor", texts::HelpDoctor};
  command.options = {
      {.name = "--verify", .value = "", .help = texts::HelpDoctorVerify, .target = &flags->verify},
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json}};
  command.run = [flags](const Surroundings& here) { return doctor(here, *flags); };
  return command;
}

}  // namespace xc::app
