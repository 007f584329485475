#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>

#include "app/chat.h"
#include "app/command.h"
#include "app/line_reader.h"
#include "app/pull.h"
#include "app/repl.h"
#include "app/server_process.h"
#include "app/terminal.h"
#include "base/limits.h"
#include "store/atomic_file.h"

namespace xc::app {
namespace {

namespace json = boost::json;

struct RunFlags {
  std::string model, system;
  std::vector<std::string> prompt;
  std::optional<double> temperature;
  std::optional<int> max_tokens, seed;
  bool no_think = false, yes = false, json = false;
};

std::unexpected<Error> usage(const Bilingual& text, Language language) {
  return fail(Code::InvalidRequest, Message::ServerSaid, {std::string(text.in(language))});
}

Result<std::string> read_standard_input() {
  std::string text;
  char piece[65536];
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(piece, static_cast<std::size_t>(n));
    if (text.size() > limits::kBodyBytesMax) {
      return fail(Code::TooLarge, Message::BodyTooLarge, {std::to_string(limits::kBodyBytesMax)});
    }
  }
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// The prompt of the command line and what was piped in, the instruction first.
Result<std::string> whole_prompt(const RunFlags& flags) {
  std::string prompt = fmt::format("{}", fmt::join(flags.prompt, " "));
  if (is_terminal(STDIN_FILENO)) return prompt;
  XC_TRY(const std::string piped, read_standard_input());
  if (piped.empty()) return prompt;
  return prompt.empty() ? piped : prompt + "\n\n" + piped;
}

// The server must know the model; what is in the catalogue is fetched on the spot.
Status need_model(const Surroundings& here, const ApiClient& api, const RunFlags& flags,
                  const std::string& model) {
  XC_TRY(const ApiReply known, api.send("GET", "/v1/models/" + path_escaped(model)));
  if (known.status == 200) return {};
  if (known.status != 404 || !is_local_url(api.credentials().url)) {
    return std::unexpected(error_of_reply(known.status, known.body));
  }
  XC_TRY(const catalog::Catalogue catalogue, catalog::Catalogue::open(here.home.catalogue()));
  const catalog::Entry* entry = catalogue.find(model);
  if (entry == nullptr) return std::unexpected(error_of_reply(known.status, known.body));
  const std::string question =
      say<texts::AskPull>(here.language, entry->name, bytes_text(bytes_of(*entry)));
  if (!flags.yes && !confirm(question, here.language, false)) {
    return std::unexpected(error_of_reply(known.status, known.body));
  }
  XC_CHECK(pull_model(here, model, flags.yes));
  return {};
}

void put_flags(const RunFlags& flags, Chat& chat) {
  schema::ChatRequest& request = chat.request();
  request.model = flags.model;
  request.sampling.temperature = flags.temperature;
  if (flags.seed) request.sampling.seed = *flags.seed;
  request.max_tokens = flags.max_tokens;
  if (flags.no_think) request.thinking = false;
  chat.set_system(flags.system);
}

void print_json(const std::string& model, const Chat::Answer& answer) {
  const json::object out{
      {"model", model},
      {"content", answer.choice.content},
      {"reasoning", answer.choice.reasoning},
      {"finish_reason", name_of(answer.choice.finish)},
      {"stopped", answer.stopped},
      {"usage", json::object{{"prompt_tokens", answer.usage.prompt_tokens},
                             {"completion_tokens", answer.usage.completion_tokens},
                             {"cached_tokens", answer.usage.cached_tokens}}}};
  fmt::print("{}\n", json::serialize(out));
}

Result<int> answer_once(Chat& chat, const std::string& prompt, const RunFlags& flags) {
  XC_TRY(const Chat::Answer answer, chat.say(prompt));
  if (flags.json) print_json(flags.model, answer);
  return answer.stopped ? kExitInterrupted : kExitFine;
}

// One chat at the terminal: reads lines until the user leaves.
class Repl {
 public:
  Repl(const Surroundings& here, const ApiClient& api, Chat& chat, const RunFlags& flags)
      : here_(here), api_(api), chat_(chat), flags_(flags), reader_(here.home.history()) {}

  int run() {
    const InterruptFlag between;  // Ctrl-C between an answer and the prompt ends nothing
    note(say<texts::ChatHello>(here_.language, chat_.request().model));
    bool warned = false;
    for (;;) {
      const LineReader::Input input = reader_.read(lines_.open() ? "... " : ">>> ", true);
      if (input.kind == LineReader::Kind::End) return kExitFine;
      if (input.kind == LineReader::Kind::Interrupted) {
        if (warned) return kExitFine;
        warned = true;
        lines_.clear();
        note(texts::ChatAgainToQuit.in(here_.language));
        continue;
      }
      warned = false;
      const bool fenced = lines_.open();
      if (!lines_.feed(input.text)) continue;
      const std::string text = lines_.take();
      const bool several = fenced || text != input.text;
      const ChatLine line = several ? ChatLine{Verb::Say, {}, text} : parse_chat_line(text);
      if (line.verb == Verb::Bye) return kExitFine;
      const Status done = obey(line);
      if (!done && done.error().code != Code::Cancelled) {
        note(text_of(done.error(), here_.language));
      }
    }
  }

 private:
  void note(std::string_view text) { fmt::print(stderr, "{}\n", text); }

  Status obey(const ChatLine& line) {
    const Language language = here_.language;
    switch (line.verb) {
      case Verb::Say: {
        XC_CHECK(chat_.say(line.text));
        break;
      }
      case Verb::Help:
        note(texts::ChatHelp.in(language));
        break;
      case Verb::Clear:
        chat_.clear();
        note(texts::ChatCleared.in(language));
        break;
      case Verb::System:
        chat_.set_system(line.text);
        note(texts::ChatSystemSet.in(language));
        break;
      case Verb::Set:
        if (!put_chat_setting(chat_.request(), line.name, line.text)) {
          return fail(Code::InvalidRequest, Message::BadSetting, {line.name, line.text, "/help"});
        }
        note(say<texts::ChatSet>(language, line.name, line.text));
        break;
      case Verb::Model:
        XC_CHECK(need_model(here_, api_, flags_, line.text));
        chat_.request().model = line.text;
        note(say<texts::ChatModel>(language, line.text));
        break;
      case Verb::Save:
        XC_CHECK(store::write_atomically(line.text, chat_.markdown(), 0600));
        note(say<texts::ChatSaved>(language, line.text));
        break;
      case Verb::Unknown:
        note(say<texts::ChatUnknown>(language, line.text));
        break;
      case Verb::NeedsArgument:
        note(say<texts::ChatNeedsArgument>(language, line.text));
        break;
      case Verb::Nothing:
      case Verb::Bye:
        break;
    }
    return {};
  }

  const Surroundings& here_;
  const ApiClient& api_;
  Chat& chat_;
  const RunFlags& flags_;
  LineReader reader_;
  Gatherer lines_;
};

Result<int> run_model(const Surroundings& here, const RunFlags& flags) {
  const bool tty_out = is_terminal(STDOUT_FILENO);
  const bool talks = flags.prompt.empty() && is_terminal(STDIN_FILENO);
  XC_TRY(const std::string prompt, whole_prompt(flags));
  if (prompt.empty() && (!talks || flags.json)) return usage(texts::NeedPrompt, here.language);
  XC_TRY(const ApiClient api, reach_server(here));
  XC_CHECK(need_model(here, api, flags, flags.model));
  Chat chat(api, ChatView{!flags.json, tty_out, tty_out}, here.language);
  put_flags(flags, chat);
  if (!talks) return answer_once(chat, prompt, flags);
  XC_CHECK(make_folders(here.home));
  return Repl(here, api, chat, flags).run();
}

}  // namespace

Command run_command() {
  const auto flags = std::make_shared<RunFlags>();
  Command command{"run", texts::HelpRun};
  command.options = {
      {.name = "MODEL",
       .value = "MODEL",
       .help = texts::HelpModel,
       .target = &flags->model,
       .required = true,
       .complete = Complete::Model},
      {.name = "PROMPT", .value = "PROMPT", .help = texts::HelpRunPrompt, .target = &flags->prompt},
      {.name = "--system", .value = "TEXT", .help = texts::HelpRunSystem, .target = &flags->system},
      {.name = "--temperature",
       .value = "X",
       .help = texts::HelpRunTemperature,
       .target = &flags->temperature,
       .low = 0,
       .high = 2},
      {.name = "--max-tokens",
       .value = "N",
       .help = texts::HelpRunMaxTokens,
       .target = &flags->max_tokens,
       .low = 1,
       .high = limits::kMaxTokensMax},
      {.name = "--seed",
       .value = "N",
       .help = texts::HelpRunSeed,
       .target = &flags->seed,
       .low = 0,
       .high = 2147483647},
      {.name = "--no-think",
       .value = "",
       .help = texts::HelpRunNoThink,
       .target = &flags->no_think},
      {.name = "-y,--yes", .value = "", .help = texts::HelpYes, .target = &flags->yes},
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json}};
  command.run = [flags](const Surroundings& here) { return run_model(here, *flags); };
  return command;
}

}  // namespace xc::app
