// The life of a worker's process with the fake engine: SIGTERM, the drain, what it could not wait
// for, and that another worker goes on with it.
#include "engine/worker/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>
#include <utility>

#include "engine/fake_engine.h"
#include "net/net_test.h"
#include "net/sse.h"

namespace xc::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kLetters = 400;

// run_worker() on a thread of its own. The test ends it by a signal to this process, which it and
// nobody else hears.
class LiveWorker {
 public:
  LiveWorker(std::string socket, milliseconds per_step, milliseconds drain) {
    FakeOptions fake;
    fake.per_step = per_step;
    WorkerOptions options;
    options.load.name = "m";
    options.socket = std::move(socket);
    options.drain_timeout = drain;
    thread_ = std::thread(
        [options, fake] { EXPECT_TRUE(run_worker(options, std::make_unique<FakeEngine>(fake))); });
  }
  ~LiveWorker() {
    if (!told_) terminate();
    end();
  }
  void terminate() {
    told_ = true;
    ::kill(::getpid(), SIGTERM);
  }
  void end() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::atomic<bool> told_{false};
  std::thread thread_;
};

class WorkerLife : public testing::Test {
 protected:
  struct Reply {
    int status = 0;
    std::vector<net::SseEvent> events;
    std::string text() const {
      std::string said;
      for (const auto& event : events) {
        const std::string mark = R"("content":")";
        const std::size_t at = event.data.find(mark);
        if (!event.event.empty() || at == std::string::npos) continue;
        const std::size_t from = at + mark.size();
        said += event.data.substr(from, event.data.find('"', from) - from);
      }
      return said;
    }
  };

  Reply send(std::string method, std::string path, std::string body = "", std::string resume = "",
             std::function<void()> at_first = {}) {
    return loops_.run([&]() -> Task<Reply> {
      net::ClientRequest request;
      request.method = method;
      request.target = path;
      request.body = resume + body;
      if (!resume.empty()) {
        request.headers.set("X-Xingcha-Resume", std::to_string(resume.size()));
      }
      const Result<net::Origin> origin = net::Origin::parse("unix:" + socket_);
      const Deadline deadline = Deadline::after(seconds(20));
      Reply out;
      auto reply = co_await client_.send(*origin, std::move(request), deadline);
      if (!reply) co_return out;
      out.status = (*reply)->status();
      net::SseReader reader;
      for (bool more = true; more;) {
        std::string piece;
        Result<bool> read = co_await (*reply)->read_some(piece, deadline);
        more = read && *read;
        EXPECT_TRUE(reader.feed(piece));
        while (auto event = reader.next()) out.events.push_back(std::move(*event));
        if (at_first && !out.events.empty()) std::exchange(at_first, nullptr)();
      }
      co_return out;
    });
  }
  bool answers(int status) {
    return net::eventually([&] { return send("GET", "/readyz").status == status; });
  }
  static std::string question() {
    return R"({"model":"m","stream":true,"messages":[{"role":"user","content":")" +
           std::string(kLetters, 'a') + R"("}]})";
  }

  net::TempDir folder_;
  std::string socket_ = folder_.file("socket");
  net::Loops loops_{1};
  net::Client client_{loops_.runtime};
};

TEST_F(WorkerLife, sigterm_waits_for_what_ends_in_time) {
  LiveWorker worker(socket_, milliseconds(1), seconds(20));
  ASSERT_TRUE(answers(200));
  const Reply reply =
      send("POST", "/v1/chat/completions", question(), "", [&] { worker.terminate(); });
  worker.end();
  ASSERT_FALSE(reply.events.empty());
  EXPECT_EQ(reply.events.back().data, "[DONE]");
  EXPECT_EQ(reply.text(), std::string(kLetters, 'a'));
}

TEST_F(WorkerLife, sigterm_hands_over_what_outlives_the_drain_and_another_goes_on) {
  std::string said;
  std::string left;
  {
    LiveWorker worker(socket_, milliseconds(20), milliseconds(200));
    ASSERT_TRUE(answers(200));
    const Reply reply =
        send("POST", "/v1/chat/completions", question(), "", [&] { worker.terminate(); });
    worker.end();  // by itself, soon
    ASSERT_FALSE(reply.events.empty());
    EXPECT_EQ(reply.events.back().event, "handover");
    left = reply.events.back().data;
    said = reply.text();
  }
  EXPECT_FALSE(said.empty());
  EXPECT_LT(said.size(), std::size_t{kLetters});
  LiveWorker next(socket_, milliseconds(0), seconds(20));
  ASSERT_TRUE(answers(200));
  const Reply rest = send("POST", "/v1/chat/completions", question(), left);
  next.terminate();
  next.end();
  ASSERT_FALSE(rest.events.empty());
  EXPECT_EQ(rest.events.back().data, "[DONE]");
  EXPECT_EQ(said + rest.text(), std::string(kLetters, 'a'));
}

TEST_F(WorkerLife, sigterm_of_an_idle_worker_ends_it) {
  LiveWorker worker(socket_, milliseconds(0), seconds(20));
  ASSERT_TRUE(answers(200));
  worker.terminate();
  worker.end();
  EXPECT_EQ(send("GET", "/healthz").status, 0);
}

}  // namespace
}  // namespace xc::engine
