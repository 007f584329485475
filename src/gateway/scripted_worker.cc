// A real worker with the fake engine, for the tests of the gateway. Same command line as the real
// one, plus --note FILE: "die once" kills the first process that is asked it, and FILE remembers.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "engine/fake_engine.h"
#include "engine/worker/worker.h"

namespace {

using xc::engine::FakeScript;
using xc::schema::Delta;

Delta text(std::string content) {
  Delta delta;
  delta.content = std::move(content);
  return delta;
}

Delta thought(std::string reasoning) {
  Delta delta;
  delta.reasoning = std::move(reasoning);
  return delta;
}

Delta call(std::string id, std::string name, std::string arguments) {
  Delta delta;
  delta.tool_calls.push_back({0, std::move(id), std::move(name), std::move(arguments)});
  return delta;
}

Delta finish(xc::schema::Finish reason) {
  Delta delta;
  delta.finish = reason;
  return delta;
}

FakeScript script(std::string trigger, std::vector<Delta> deltas) {
  FakeScript made;
  made.trigger = std::move(trigger);
  made.deltas = std::move(deltas);
  return made;
}

std::vector<FakeScript> scripts(const std::string& note) {
  using xc::schema::Finish;
  std::vector<FakeScript> all;
  all.push_back(script("think first", {thought("hm"), text("yes"), finish(Finish::Stop)}));
  all.push_back(script("use the tool", {call("call_1", "add", ""), call("", "", "{\"a\":"),
                                        call("", "", "1}"), finish(Finish::ToolCalls)}));
  all.push_back(script("garble the tool", {text("<tool_call>{"), finish(Finish::ToolCalls)}));
  all.back().deltas[0].unread_call = true;
  all.back().deltas[1].finish = Finish::Stop;
  all.push_back(script("talk for ever", {text("x")}));
  all.back().endless = true;
  all.push_back(script("count to four hundred", {}));
  for (int i = 1; i <= 400; ++i) all.back().deltas.push_back(text(std::to_string(i) + " "));
  all.back().deltas.push_back(finish(Finish::Stop));
  all.push_back(script("break late", {text("first")}));
  all.back().error = xc::Error{xc::Code::Unavailable, xc::Message::ShuttingDown, {}, {}, {}, 0};
  all.push_back(script("break upstream", {text("first")}));
  all.back().error =
      xc::Error{xc::Code::Upstream, xc::Message::UpstreamFailed, {"late"}, {}, {}, 0};
  all.push_back(script("die always", {}));
  all.back().after = [] { std::_Exit(9); };
  if (!note.empty() && !std::filesystem::exists(note)) {
    all.push_back(script("die once", {}));
    all.back().after = [note] {
      std::ofstream(note) << "died";
      std::_Exit(9);
    };
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  xc::engine::WorkerOptions options;
  xc::engine::FakeOptions fake;
  std::string note;
  for (int i = 2; i + 1 < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--socket") options.socket = argv[i + 1];
    if (name == "--name") options.load.name = argv[i + 1];
    if (name == "--note") note = argv[i + 1];
  }
  fake.name = options.load.name;
  fake.context = 64;
  fake.per_step = std::chrono::milliseconds(1);
  fake.scripts = scripts(note);
  auto engine = std::make_unique<xc::engine::FakeEngine>(std::move(fake));
  return xc::engine::run_worker(options, std::move(engine)) ? 0 : 1;
}
