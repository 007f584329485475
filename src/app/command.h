// A sub-command as data: what it is called, which options it takes, what it does. One table feeds
// the parser, the help texts and the completion scripts.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/home.h"
#include "app/text.h"
#include "base/result.h"

namespace xc::app {

// What every command gets. Plain data.
struct Surroundings {
  Home home;
  Language language = Language::Zh;
  std::string program;  // this binary, absolute
};

// Where a parsed value goes. The pointee lives in the command's own flags (see `flags` below).
using Target =
    std::variant<bool*, int*, double*, std::string*, std::optional<int>*, std::optional<double>*,
                 std::optional<std::string>*, std::vector<std::string>*>;

// How a shell completes the value.
enum class Complete : std::uint8_t { Nothing, File, Model, CatalogueName };

struct Option {
  std::string name;   // "--json", "-y,--yes", or "MODEL" for a positional
  std::string value;  // label of the value in help; empty for flags
  Bilingual help;
  Target target;
  bool required = false;
  std::vector<std::string> choices = {};
  double low = -1e18, high = 1e18;  // numbers only
  Complete complete = Complete::Nothing;
  std::function<std::string(Language)> note = {};  // appended to the help: default, variable
  bool positional() const { return !name.empty() && name.front() != '-'; }
};

struct Command {
  std::string name;
  Bilingual help;
  std::vector<Option> options = {};
  std::vector<Command> commands = {};  // key create, key list …
  // The exit status, or an error that main prints in the user's language.
  std::function<Result<int>(const Surroundings&)> run = {};
  bool hidden = false;
};

inline constexpr int kExitFine = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;

// One a file: cmd_<name>.cc.
Command serve_command();
Command run_command();
Command pull_command();
Command list_command();
Command show_command();
Command rm_command();
Command import_command();
Command convert_command();
Command quantize_command();
Command plan_command();
Command ps_command();
Command restart_command();
Command stop_command();
Command key_command();
Command tenant_command();
Command user_command();
Command doctor_command();
Command bench_command();
Command eval_command();
Command usage_command();
Command pool_command();
Command endpoint_command();
Command secrets_command();
Command verify_audit_command();
Command completion_command();
Command worker_command();

// All of them, in the order of the help.
std::vector<Command> all_commands();

// Parses, runs, prints errors; the exit status of the program.
int run_cli(int argc, const char* const* argv);
// The help of `path` ("xingcha key"); pure.
std::string help_of(const std::string& path, const Command& command, Language language);

}  // namespace xc::app
