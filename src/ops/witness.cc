#include "ops/witness.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/descriptor.h"
#include "base/limits.h"

namespace xc::ops {

Status append_lines(const std::string& path, const std::string& lines) {
  const auto failure = [&path] {
    return fail(Code::Internal, Message::FileError, {path, std::strerror(errno)});
  };
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (file.fd < 0) return failure();
  const off_t end = ::lseek(file.fd, 0, SEEK_END);
  char last = '\n';
  if (end > 0 && ::pread(file.fd, &last, 1, end - 1) != 1) return failure();
  const std::string text = (last == '\n' ? "" : "\n") + lines;
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file.fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return failure();
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  if (::fdatasync(file.fd) != 0) return failure();
  return {};
}

WitnessFile::WitnessFile(net::Runtime& runtime, net::BlockingPool& blocking, std::string path)
    : blocking_(blocking),
      path_(std::move(path)),
      wake_(runtime.executor(0)),
      waker_(wake_.waker()) {}

void WitnessFile::put(std::string head) {
  {
    const std::lock_guard held(mutex_);
    if (heads_.size() >= limits::kWitnessQueueMax) heads_.pop_front();
    heads_.push_back(std::move(head));
  }
  waker_();
}

std::string WitnessFile::take_all(std::size_t& count) {
  const std::lock_guard held(mutex_);
  std::string lines;
  count = heads_.size();
  for (const std::string& head : heads_) lines += head + "\n";
  heads_.clear();
  return lines;
}

// Half of them may be in the file by now: a head twice does no harm.
void WitnessFile::put_back(std::string lines, std::size_t count, std::string error) {
  const std::lock_guard held(mutex_);
  stats_.last_error = std::move(error);
  while (count > 0 && heads_.size() < limits::kWitnessQueueMax && !lines.empty()) {
    lines.pop_back();  // its newline
    const std::size_t begin = lines.rfind('\n') + 1;
    heads_.push_front(lines.substr(begin));
    lines.resize(begin);
    --count;
  }
}

Task<void> WitnessFile::run() {
  for (;;) {
    std::size_t count = 0;
    std::string lines = take_all(count);
    if (lines.empty()) {
      const Deadline never = Deadline::never();
      Task<bool> waiting = wake_.wait(never);
      co_await std::move(waiting);
      continue;
    }
    auto outcome = std::make_shared<Status>();
    std::function<void()> work = [outcome, path = path_, lines] {
      *outcome = append_lines(path, lines);
    };
    Task<void> writing = blocking_.run(std::move(work));
    co_await std::move(writing);
    if (*outcome) {
      const std::lock_guard held(mutex_);
      stats_.written += count;
      stats_.last_error.clear();
      continue;
    }
    put_back(std::move(lines), count, text_of(outcome->error(), Language::En));
    Task<void> pause = net::sleep_for(limits::kOutboxBackoffFirst);
    co_await std::move(pause);
  }
}

WitnessFile::Stats WitnessFile::stats() const {
  const std::lock_guard held(mutex_);
  Stats stats = stats_;
  stats.waiting = heads_.size();
  return stats;
}

}  // namespace xc::ops
