// A worker without a model, for the tests of the fleet: answers /readyz on its socket, and
// misbehaves as its arguments say. Same command line as the real one.
//
//   --exit-early TEXT     prints "fatal: TEXT" and exits 1
//   --fail-until FILE     as --exit-early, until FILE exists
//   --hang                listens, never ready
//   --die-when FILE       exits 7 as soon as FILE exists
//   --stubborn            ignores SIGTERM
//   --handover FILE       appends a line to FILE when it is told to hand over; without it: 404
//   --note FILE           appends its process id to FILE: how many were started
#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "net/server.h"

namespace {

struct Wishes {
  std::string socket;
  std::string exit_early;
  std::string fail_until;
  std::string die_when;
  std::string handover;
  std::string note;
  bool hang = false;
  bool stubborn = false;
};

Wishes read_arguments(int argc, char** argv) {
  Wishes wishes;
  for (int i = 2; i < argc; ++i) {
    const std::string_view name = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (name == "--socket") wishes.socket = value;
    if (name == "--exit-early") wishes.exit_early = value;
    if (name == "--fail-until") wishes.fail_until = value;
    if (name == "--die-when") wishes.die_when = value;
    if (name == "--handover") wishes.handover = value;
    if (name == "--note") wishes.note = value;
    if (name == "--hang") wishes.hang = true;
    if (name == "--stubborn") wishes.stubborn = true;
  }
  return wishes;
}

[[noreturn]] void fatal(const std::string& text) {
  fmt::print(stderr, "some noise before\nfatal: {}\nsome noise after\n", text);
  std::exit(1);
}

xc::Task<void> die_when(std::string file) {
  for (;;) {
    if (std::filesystem::exists(file)) std::_Exit(7);
    co_await xc::net::sleep_for(std::chrono::milliseconds(2));
  }
}

xc::Task<void> answer(const Wishes& wishes, xc::net::Exchange& exchange) {
  if (exchange.request().path == "/internal/handover") {
    const bool obeys = !wishes.handover.empty();
    if (obeys) std::ofstream(wishes.handover, std::ios::app) << "told\n";
    std::string none = "{}";
    co_await exchange.reply(obeys ? 200 : 404, "application/json", std::move(none));
    co_return;
  }
  std::string body = wishes.hang ? "loading" : "ready";
  co_await exchange.reply(wishes.hang ? 503 : 200, "text/plain", std::move(body));
}

}  // namespace

int main(int argc, char** argv) {
  const Wishes wishes = read_arguments(argc, argv);
  if (!wishes.note.empty()) {
    std::ofstream(wishes.note, std::ios::app) << fmt::format("{}\n", ::getpid());
  }
  if (!wishes.exit_early.empty()) fatal(wishes.exit_early);
  if (!wishes.fail_until.empty() && !std::filesystem::exists(wishes.fail_until)) fatal("not yet");
  xc::net::Runtime runtime(1);
  xc::net::ServerOptions options;
  options.address = "unix:" + wishes.socket;
  xc::net::Server server(
      runtime, options, [&wishes](xc::net::Exchange& exchange) { return answer(wishes, exchange); },
      [](const xc::Error&, std::string_view, std::string_view) { return xc::net::ErrorReply{}; });
  const xc::Status opened = server.open();
  if (!opened) fatal(xc::text_of(opened.error(), xc::Language::En));
  runtime.on_signals([&](int) {
    if (!wishes.stubborn) std::_Exit(0);
  });
  xc::net::TaskGroup tasks("fake");
  if (!wishes.die_when.empty()) {
    tasks.spawn(runtime.executor(0), [file = wishes.die_when] { return die_when(file); });
  }
  runtime.run();
  return 0;
}
