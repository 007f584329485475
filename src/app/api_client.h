// Talks to a running server from a command: blocking calls on a small event loop of their own.
// Ctrl-C ends a call with Cancelled and leaves the program running. Not thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "app/credentials.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/client.h"
#include "net/runtime.h"

namespace xc::app {

struct ApiReply {
  int status = 0;
  std::string body;
};

// Gets one event's data; false ends the stream early.
using OnEvent = std::function<bool(std::string_view data)>;

class ApiClient {
 public:
  ApiClient(Credentials credentials, Language language);

  // The reply whatever its status. Error: CannotConnect, Timeout, Cancelled.
  Result<ApiReply> send(std::string_view method, std::string_view target, std::string body = {},
                        Duration timeout = std::chrono::seconds(30)) const;
  // As send; a status of 400 and above is an error that says what the server said.
  Result<std::string> call(std::string_view method, std::string_view target, std::string body = {},
                           Duration timeout = std::chrono::seconds(30)) const;
  // POSTs and hands over every event of an SSE reply up to [DONE]. Error: as call, also for an
  // error inside the stream or a stream that breaks off.
  Status stream(std::string_view target, std::string body, OnEvent on_event) const;

  // True when /readyz says so.
  bool ready() const;
  const Credentials& credentials() const { return credentials_; }

  // For commands that run several requests at once on one loop of their own.
  Task<Status> stream_on(net::Client& client, std::string target, std::string body,
                         OnEvent on_event) const;

 private:
  Task<Result<ApiReply>> exchange(net::Client& client, std::string method, std::string target,
                                  std::string body, Deadline deadline) const;
  Result<net::ClientRequest> request_of(std::string method, std::string target,
                                        std::string body) const;
  Credentials credentials_;
  Language language_;
};

// Runs `work` on one I/O thread (this one) until it ends or Ctrl-C; false when interrupted.
bool run_loop(const std::function<Task<void>(net::Runtime&, net::Client&)>& work);

// A name as part of a path: letters, digits and ". _ - /" stay, the rest is percent-encoded.
std::string path_escaped(std::string_view text);

// The server's own sentence out of an error body; a short excerpt when it has none.
Error error_of_reply(int status, std::string_view body);

}  // namespace xc::app
