#include "store/change_feed.h"

#include <fmt/core.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <memory>

#include "base/freer.h"
#include "base/limits.h"
#include "base/log.h"
#include "store/postgres_session.h"

namespace xc::store {
namespace {

using Reply = std::unique_ptr<PGresult, Freer<&PQclear>>;

int wait_ms(Deadline until) {
  if (until.is_never()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until.when() - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX));
}

}  // namespace

struct ChangeFeed::Connection {
  explicit Connection(const std::string& url) : handle(PQconnectdb(url.c_str())) {
    // A server that ends says so; libpq would print it.
    PQsetNoticeProcessor(handle, [](void*, const char*) {}, nullptr);
  }
  ~Connection() { PQfinish(handle); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int socket() const { return PQsocket(handle); }
  std::string trouble() const {
    const std::string said = PQerrorMessage(handle);
    return said.empty() ? "the connection is lost" : said;
  }

  PGconn* const handle;
};

ChangeFeed::ChangeFeed(std::string url, std::function<void()> heard)
    : url_(std::move(url)),
      heard_(std::move(heard)),
      end_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this] { run(); }) {}

ChangeFeed::~ChangeFeed() {
  ::eventfd_write(end_.fd, 1);
  thread_.join();
}

bool ChangeFeed::readable(int socket, Deadline until) const {
  std::array<pollfd, 2> watched{pollfd{end_.fd, POLLIN, 0}, pollfd{socket, POLLIN, 0}};
  int ready = 0;
  do {
    ready = ::poll(watched.data(), watched.size(), wait_ms(until));
  } while (ready < 0 && errno == EINTR);
  return ready > 0 && watched[0].revents == 0;
}

bool ChangeFeed::ends() const {
  pollfd watched{end_.fd, POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0;
}

void ChangeFeed::run() {
  Duration pause = limits::kFeedPauseFirst;
  while (!ends()) {
    const SteadyTime begun = std::chrono::steady_clock::now();
    const std::string why = listen();
    if (ends()) return;
    if (!silent_) {
      log::warn("store", "what others change in the database is not announced here for now ({})",
                plain_message(why, url_));
    }
    silent_ = true;
    if (std::chrono::steady_clock::now() - begun > limits::kFeedPauseMax) {
      pause = limits::kFeedPauseFirst;
    }
    readable(-1, Deadline::after(pause));
    pause = std::min<Duration>(2 * pause, limits::kFeedPauseMax);
  }
}

// Empty when the server listens for us.
std::string ChangeFeed::begin(Connection& connection) {
  if (PQstatus(connection.handle) != CONNECTION_OK) return connection.trouble();
  const std::string listen = fmt::format("LISTEN {}", kChangesChannel);
  if (PQsendQuery(connection.handle, listen.c_str()) == 0) return connection.trouble();
  const Deadline until = Deadline::after(limits::kDatabaseConnectTimeout);
  while (PQisBusy(connection.handle) != 0) {
    if (!readable(connection.socket(), until)) return "no answer";
    if (PQconsumeInput(connection.handle) == 0) return connection.trouble();
  }
  bool good = true;
  while (const Reply reply{PQgetResult(connection.handle)}) {
    good = good && PQresultStatus(reply.get()) == PGRES_COMMAND_OK;
  }
  return good ? std::string() : connection.trouble();
}

std::string ChangeFeed::listen() {
  Connection connection(with_parameters(url_));
  if (std::string why = begin(connection); !why.empty()) return why;
  if (silent_) log::info("store", "what others change in the database is announced here again");
  silent_ = false;
  heard_();
  while (readable(connection.socket(), Deadline::never())) {
    if (PQconsumeInput(connection.handle) == 0) return connection.trouble();
    bool any = false;
    while (PGnotify* const notice = PQnotifies(connection.handle)) {
      PQfreemem(notice);
      any = true;
    }
    if (any) heard_();
  }
  return {};
}

}  // namespace xc::store
