// HTTP/1.1 messages and the server's side of one exchange. The shapes here hide Beast: handlers
// include this and never a Boost header beyond the coroutine type.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"

namespace xc::net {

// A handful of fields: linear search, names compared without case. They lie in one string, each
// behind its two lengths: one allocation for a head, however many fields it has.
class Headers {
 public:
  // Views are valid until the next set or add.
  using Field = std::pair<std::string_view, std::string_view>;  // name, value
  class Iterator {
   public:
    explicit Iterator(std::string_view rest) : rest_(rest) {}
    Field operator*() const;
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return rest_.size() == other.rest_.size(); }

   private:
    std::string_view rest_;
  };
  struct Fields {
    std::string_view text;
    Iterator begin() const { return Iterator(text); }
    Iterator end() const { return Iterator({}); }
  };

  // The first value, or empty.
  std::string_view get(std::string_view name) const;
  // Neither may be a view of this object. set replaces.
  void set(std::string_view name, std::string_view value);
  void add(std::string_view name, std::string_view value);
  Fields fields() const { return {text_}; }

 private:
  std::string text_;
};

struct Request {
  std::string method;  // "GET"
  std::string path;    // percent-decoded, without query, always starts with '/'
  std::string query;   // raw, after '?'
  Headers headers;
  std::string body;  // whole; bounded by ServerOptions::body_bytes_max
  std::string peer;  // "127.0.0.1" or "unix"
};

// One request and its reply. Lives on its connection's I/O thread; not thread-safe.
// When the client goes away, the handler's coroutine is cancelled: the pending co_await throws
// and destructors clean up. A handler that returns without a reply makes the server send 500.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  // Headers to put on the reply whatever its kind (request id, receipts).
  virtual Headers& reply_headers() = 0;

  // A whole reply. Once, and not after begin_stream. `content_type` may be empty for no body.
  virtual Task<Status> reply(int status, std::string_view content_type, std::string body) = 0;
  // As reply, for bytes that outlive the exchange (embedded assets): not copied.
  virtual Task<Status> reply_static(int status, std::string_view content_type,
                                    std::string_view body) = 0;

  // A reply in pieces (chunked). Each write is flushed; it returns when the kernel took the bytes,
  // which is the back-pressure. An error means that the client is gone or too slow. `first` leaves
  // together with the head and `last` with the end: one system call, one wake-up of the reader.
  virtual Task<Status> begin_stream(int status, std::string_view content_type,
                                    std::string_view first = {}) = 0;
  virtual Task<Status> write(std::string_view bytes) = 0;
  virtual Task<Status> end_stream(std::string_view last = {}) = 0;

  virtual bool started() const = 0;  // a status line was sent
};

using Handler = std::function<Task<void>(Exchange&)>;

// Makes the body of an error that the server itself finds (bad HTTP, too large, time-out), so that
// it has the shape of the route. The path may be empty when the head could not be read.
struct ErrorReply {
  std::string content_type;
  std::string body;
};
using ErrorRenderer = std::function<ErrorReply(const Error&, std::string_view path,
                                               std::string_view accept_language)>;

}  // namespace xc::net
