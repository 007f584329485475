#include "ops/outbox.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"

namespace xc::ops {

Result<PostAddress> PostAddress::parse(std::string_view url, std::string_view setting) {
  const std::size_t cut = std::min(url.find('?'), url.size());
  Result<net::Origin> origin = net::Origin::parse(url.substr(0, cut));
  const std::string_view query = url.substr(cut);
  const bool clean = query.find_first_of(" \t\r\n\"<>\\#") == std::string_view::npos;
  if (!origin || !clean) {
    return fail(
        Code::InvalidRequest, Message::BadSetting,
        {std::string(setting), std::string(url.substr(0, cut)), "https://HOST:PORT/PATH?QUERY"});
  }
  return PostAddress{std::move(*origin), std::string(query)};
}

Outbox::Outbox(net::Runtime& runtime, net::Client& client, Options options)
    : client_(client),
      options_(std::move(options)),
      wake_(runtime.executor(0)),
      waker_(wake_.waker()) {}

void Outbox::put(std::string body) {
  {
    const std::lock_guard held(mutex_);
    if (posts_.size() >= options_.posts_max) {
      posts_.pop_front();
      ++stats_.dropped;
    }
    posts_.push_back(Post{next_++, std::move(body)});
  }
  waker_();
}

bool Outbox::take(Post& post) {
  const std::lock_guard held(mutex_);
  if (posts_.empty()) return false;
  post = posts_.front();
  return true;
}

Task<void> Outbox::run() {
  for (;;) {
    Post post;
    if (!take(post)) {
      const Deadline never = Deadline::never();
      Task<bool> waiting = wake_.wait(never);
      co_await std::move(waiting);
      continue;
    }
    Task<void> delivering = deliver(std::move(post));
    co_await std::move(delivering);
  }
}

Task<void> Outbox::deliver(Post post) {
  Duration pause = options_.backoff_first;
  Outcome outcome = Outcome::Again;
  for (int tries = 0; tries < options_.tries_max; ++tries) {
    if (tries > 0) {
      Task<void> sleeping = net::sleep_for(pause);
      co_await std::move(sleeping);
      pause = std::min(pause * 2, options_.backoff_max);
    }
    Task<Outcome> trying = attempt(post.body);
    outcome = co_await std::move(trying);
    if (outcome != Outcome::Again) break;
    note(outcome, error_);
  }
  note(outcome == Outcome::Delivered ? outcome : Outcome::Refused, error_);
  const std::lock_guard held(mutex_);
  // It may have made room for others meanwhile.
  if (!posts_.empty() && posts_.front().number == post.number) posts_.pop_front();
}

Task<Outbox::Outcome> Outbox::attempt(std::string body) {
  net::ClientRequest request;
  request.method = "POST";
  request.target = options_.address.query;
  request.headers.set("Content-Type", options_.content_type);
  request.headers.set("User-Agent", "xingcha");
  if (options_.sign) options_.sign(body, request.headers);
  request.body = std::move(body);
  const Deadline deadline = Deadline::after(limits::kOutboxTimeout);
  Task<Result<std::unique_ptr<net::ClientReply>>> sending =
      client_.send(options_.address.origin, std::move(request), deadline);
  Result<std::unique_ptr<net::ClientReply>> reply = co_await std::move(sending);
  if (!reply) {
    error_ = text_of(reply.error(), Language::En) + " " + reply.error().detail;
    co_return Outcome::Again;
  }
  const int status = (*reply)->status();
  Task<Result<std::string>> reading = (*reply)->read_all(limits::kOutboxReplyBytesMax, deadline);
  const Result<std::string> ignored = co_await std::move(reading);
  static_cast<void>(ignored);  // read so that the connection can be kept
  if (status / 100 == 2) co_return Outcome::Delivered;
  error_ = fmt::format("HTTP {}", status);
  co_return status == 408 || status == 429 || status >= 500 ? Outcome::Again : Outcome::Refused;
}

void Outbox::note(Outcome outcome, std::string error) {
  const std::lock_guard held(mutex_);
  if (outcome == Outcome::Delivered) {
    ++stats_.delivered;
    stats_.delivered_unix_ms = SystemClock().unix_ms();
    stats_.last_error.clear();
    return;
  }
  if (outcome == Outcome::Refused) {
    ++stats_.failed;
    log::warn("ops", "{}: a post was not delivered: {}", options_.name, error);
  }
  stats_.last_error = std::move(error);
}

Outbox::Stats Outbox::stats() const {
  const std::lock_guard held(mutex_);
  Stats stats = stats_;
  stats.waiting = posts_.size();
  return stats;
}

}  // namespace xc::ops
