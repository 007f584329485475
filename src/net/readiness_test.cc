#include "net/readiness.h"

#include <fcntl.h>

#include "net/net_test.h"
#include "net/runtime.h"

namespace xc::net {
namespace {

using namespace std::chrono_literals;
using For = Readiness::For;

// Two ends of a connection: one is ours, the other the test's.
struct Pair {
  explicit Pair(Loops& loops) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    other = ends[1];
    const int mine = ends[0];
    loops.run([this, &loops, mine]() -> Task<void> {
      ours = std::make_unique<Readiness>(loops.runtime.executor(0), mine);
      co_return;
    });
  }
  ~Pair() { ::close(other); }

  void say() const { EXPECT_EQ(::send(other, "x", 1, 0), 1); }
  // Until nothing is left.
  int hear() const {
    int bytes = 0;
    for (char c = 0; ::recv(ours->fd(), &c, 1, 0) == 1;) ++bytes;
    return bytes;
  }

  std::unique_ptr<Readiness> ours;
  int other = -1;
};

// Waits as its users do: tries, and waits while there is nothing.
Task<int> hear_some(Pair& pair) {
  int heard = pair.hear();
  while (heard == 0) {
    auto waiting = pair.ours->wait(For::Read);
    const bool ready = co_await std::move(waiting);
    if (!ready) co_return -1;
    heard = pair.hear();
  }
  co_return heard;
}

TEST(Readiness, tells_of_each_event) {
  Loops loops;
  Pair pair(loops);
  for (int i = 0; i < 10; ++i) {
    std::thread speaker([&] {
      std::this_thread::sleep_for(2ms);
      pair.say();
    });
    EXPECT_EQ(loops.run([&] { return hear_some(pair); }), 1);
    speaker.join();
  }
  loops.run([&]() -> Task<void> {
    pair.ours.reset();
    co_return;
  });
}

TEST(Readiness, keeps_what_came_while_nobody_waited) {
  Loops loops;
  Pair pair(loops);
  for (int i = 0; i < 3; ++i) {
    pair.say();
    loops.run([]() -> Task<void> {  // the loop sees the event
      Task<void> sleep = sleep_for(5ms);
      co_await std::move(sleep);
    });
    const bool ready = loops.run([&]() -> Task<bool> {
      auto waiting = pair.ours->wait(For::Read);
      const bool told = co_await std::move(waiting);
      co_return told;
    });
    EXPECT_TRUE(ready);
    EXPECT_EQ(pair.hear(), 1);
  }
  loops.run([&]() -> Task<void> {
    pair.ours.reset();
    co_return;
  });
}

TEST(Readiness, tells_everybody_who_waits) {
  Loops loops;
  Pair pair(loops);
  std::atomic<int> told{0};
  loops.run([&]() -> Task<void> {
    auto first = pair.ours->wait(For::Read);  // the one that may come too early
    co_await std::move(first);
    for (int i = 0; i < 3; ++i) pair.ours->start(For::Read, [&](bool ready) { told += ready; });
  });
  EXPECT_EQ(told, 0);
  pair.say();
  EXPECT_TRUE(eventually([&] { return told == 3; }));
  loops.run([&]() -> Task<void> {
    pair.ours.reset();
    co_return;
  });
}

TEST(Readiness, waits_for_room) {
  Loops loops;
  Pair pair(loops);
  for (int round = 0; round < 3; ++round) {
    const std::string much(1 << 16, 'x');
    while (::send(pair.ours->fd(), much.data(), much.size(), MSG_NOSIGNAL) > 0) {
    }
    std::thread reader([&] {
      std::this_thread::sleep_for(5ms);
      std::string into(1 << 20, ' ');
      while (::recv(pair.other, into.data(), into.size(), MSG_DONTWAIT) > 0) {
      }
    });
    const bool sent = loops.run([&]() -> Task<bool> {
      for (int tries = 0; tries < 100; ++tries) {
        auto waiting = pair.ours->wait(For::Write);
        const bool ready = co_await std::move(waiting);
        if (!ready) co_return false;
        if (::send(pair.ours->fd(), "x", 1, MSG_NOSIGNAL) == 1) co_return true;
      }
      co_return false;
    });
    EXPECT_TRUE(sent) << round;
    reader.join();
    char c = 0;
    while (::recv(pair.other, &c, 1, MSG_DONTWAIT) > 0) {
    }
  }
  loops.run([&]() -> Task<void> {
    pair.ours.reset();
    co_return;
  });
}

TEST(Readiness, who_waits_when_it_is_cancelled_or_closed_hears_false) {
  Loops loops;
  Pair pair(loops);
  std::atomic<int> refused{0};
  const auto count = [&](bool ready) { refused += ready ? 0 : 1; };
  loops.run([&]() -> Task<void> {
    auto first = pair.ours->wait(For::Read);
    co_await std::move(first);
    pair.ours->start(For::Read, count);
    pair.ours->cancel();
  });
  EXPECT_TRUE(eventually([&] { return refused == 1; }));
  loops.run([&]() -> Task<void> {
    pair.ours->start(For::Read, count);
    pair.ours->close();
    pair.ours->start(For::Read, count);
    pair.ours->cancel();
    EXPECT_FALSE(pair.ours->is_open());
    co_return;
  });
  EXPECT_TRUE(eventually([&] { return refused == 3; }));
  loops.run([&]() -> Task<void> {
    pair.ours.reset();
    co_return;
  });
}

TEST(Readiness, a_cancelled_coroutine_goes_on_at_once) {
  Loops loops;
  Pair pair(loops);
  TaskGroup group("test");
  std::atomic<int> ended{0};
  group.spawn(loops.runtime.executor(0), [&]() -> Task<void> {
    const int heard = co_await hear_some(pair);
    ended = heard == -1 ? 1 : 2;
  });
  std::this_thread::sleep_for(10ms);
  loops.run([&]() -> Task<void> {
    Task<bool> joining = group.join(Deadline::after(5s));
    const bool joined = co_await std::move(joining);
    EXPECT_TRUE(joined);
    pair.ours.reset();
  });
  EXPECT_EQ(ended, 1);
}

TEST(Readiness, loops_that_end_let_go_of_who_waits) {
  auto held = std::make_shared<int>(0);
  {
    Loops loops;
    Pair pair(loops);
    loops.run([&]() -> Task<void> {
      auto first = pair.ours->wait(For::Read);
      co_await std::move(first);
      pair.ours->start(For::Read, [held](bool) {});
    });
    loops.stop();
    pair.ours.reset();
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace xc::net
