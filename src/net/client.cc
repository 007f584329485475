#include "net/client.h"

#include <boost/beast/core/string.hpp>
#include <limits>
#include <mutex>
#include <optional>

#include "base/limits.h"
#include "net/client_pool.h"
#include "net/message_head.h"
#include "net/message_parser.h"
#include "net/spare_text.h"

namespace xc::net {

struct Client::Parts {
  Parts(int threads, std::size_t idle_max, ClientTls settings)
      : pool(threads, idle_max), tls_settings(std::move(settings)) {}

  // Made when first needed: the system's certificates are megabytes that most servers never use.
  // A failure is tried again by the next caller: the file may have come since.
  Result<SharedSslContext> tls() {
    const std::lock_guard held(tls_mutex);
    if (!tls_made) {
      XC_TRY(tls_made, make_client_tls(tls_settings));
    }
    return tls_made;
  }

  ClientPool pool;
  std::mutex tls_mutex;
  ClientTls tls_settings;
  SharedSslContext tls_made;
};

namespace {

constexpr MessageLimits kReplyLimits{limits::kHeadBytesMax, limits::kHeadFieldsMax,
                                     std::numeric_limits<std::uint64_t>::max()};

// A reply whose stream goes back to the pool when its body is complete, and is closed otherwise.
class StreamedReply final : public ClientReply {
 public:
  // pool: an alias into the client's parts, so that they live as long as the reply.
  StreamedReply(std::shared_ptr<ClientPool> pool, std::shared_ptr<const Peer> peer,
                std::shared_ptr<ClientStream> stream, bool head_only)
      : pool_(std::move(pool)),
        peer_(std::move(peer)),
        stream_(std::move(stream)),
        head_only_(head_only) {
    expect_head();
  }

  int status() const override { return status_; }
  const Headers& headers() const override { return headers_; }
  bool any_bytes() const { return any_bytes_; }
  void forbid_reuse() { reusable_ = false; }

  Task<Status> read_head(Deadline deadline);
  bool take_ready(std::string& out) override;
  bool complete() const override { return complete_ && ready_.empty(); }
  Task<Result<bool>> read_some(std::string& out, Deadline deadline) override;
  Task<Result<std::string>> read_all(std::size_t bytes_max, Deadline deadline) override;

 private:
  void expect_head() {
    parser_.emplace(kReplyLimits, head_only_);
    parser_->set_body(&ready_);
  }
  Status feed(std::string_view bytes);
  Status feed_end();
  void finish();
  std::unexpected<Error> give_up(Error error);

  const std::shared_ptr<ClientPool> pool_;
  const std::shared_ptr<const Peer> peer_;
  std::shared_ptr<ClientStream> stream_;  // null: complete, or given up
  std::optional<ReplyParser> parser_;
  std::string rest_;   // came, not yet parsed
  std::string ready_;  // body that came with the head
  Headers headers_;
  int status_ = 0;
  const bool head_only_;
  bool any_bytes_ = false;
  bool complete_ = false;
  bool reusable_ = true;
};

// Bad HTTP from upstream is the upstream's failure, not the caller's.
Status StreamedReply::feed(std::string_view bytes) {
  if (!rest_.empty()) bytes = rest_.append(bytes);
  std::size_t used = 0;
  while (used < bytes.size() && !parser_->done()) {
    Result<std::size_t> took = parser_->feed(bytes.substr(used));
    if (!took) return upstream_failed(text_of(took.error(), Language::En), peer_->key);
    used += *took;
    const bool interim = parser_->done() && parser_->status() / 100 == 1;
    if (interim) expect_head();  // 100 Continue and 103 Early Hints come before the real head
    if (*took == 0 || (parser_->head_done() && !interim)) break;
  }
  if (used < bytes.size()) {
    rest_ = std::string(bytes.substr(used));
  } else if (!rest_.empty()) {
    std::string().swap(rest_);
  }
  return {};
}

Status StreamedReply::feed_end() {
  if (parser_->head_done() && parser_->feed_end()) return {};
  return upstream_failed("closed", peer_->key + " closed in mid-reply");
}

Task<Status> StreamedReply::read_head(Deadline deadline) {
  while (!parser_->head_done()) {
    Task<Result<std::string_view>> reading = stream_->read_some(deadline);
    Result<std::string_view> bytes = co_await std::move(reading);
    if (!bytes) co_return give_up(std::move(bytes.error()));
    if (bytes->empty()) co_return give_up(upstream_failed("closed", peer_->key).error());
    any_bytes_ = true;
    ready_.reserve(bytes->size());  // what is not head is body: one allocation for all of it
    Status fed = feed(*bytes);
    if (!fed) co_return give_up(std::move(fed.error()));
  }
  status_ = parser_->status();
  headers_ = parser_->take_headers();
  if (parser_->done()) finish();
  co_return Status{};
}

bool StreamedReply::take_ready(std::string& out) {
  if (ready_.empty()) return false;
  if (out.empty()) {
    out.swap(ready_);  // most often: no copy
  } else {
    out += ready_;
  }
  std::string().swap(ready_);
  return true;
}

Task<Result<bool>> StreamedReply::read_some(std::string& out, Deadline deadline) {
  if (take_ready(out)) co_return true;
  const std::size_t before = out.size();
  while (!complete_ && out.size() == before) {
    if (!stream_) co_return upstream_failed("closed", peer_->key + ": read after a failure");
    Task<Result<std::string_view>> reading = stream_->read_some(deadline);
    Result<std::string_view> bytes = co_await std::move(reading);
    if (!bytes) co_return give_up(std::move(bytes.error()));
    parser_->set_body(&out);
    Status fed = bytes->empty() ? feed_end() : feed(*bytes);
    if (!fed) co_return give_up(std::move(fed.error()));
    parser_->set_body(&ready_);
    if (bytes->empty()) reusable_ = false;
    if (parser_->done()) finish();
  }
  co_return out.size() > before;
}

Task<Result<std::string>> StreamedReply::read_all(std::size_t bytes_max, Deadline deadline) {
  std::string body;
  for (;;) {
    Task<Result<bool>> reading = read_some(body, deadline);
    Result<bool> more = co_await std::move(reading);
    if (!more) co_return std::unexpected(std::move(more.error()));
    if (body.size() > bytes_max) {
      co_return give_up(
          upstream_failed("too large", peer_->key + ": reply over the limit").error());
    }
    if (!*more) co_return body;
  }
}

void StreamedReply::finish() {
  complete_ = true;
  if (reusable_ && parser_->keep_alive() && rest_.empty()) pool_->put(peer_->key, stream_);
  stream_.reset();
}

std::unexpected<Error> StreamedReply::give_up(Error error) {
  stream_.reset();
  return std::unexpected(std::move(error));
}

// Set by the client: what the caller put there is dropped.
bool is_own_field(std::string_view name) {
  using boost::beast::iequals;
  return iequals(name, "host") || iequals(name, "content-length") || iequals(name, "connection") ||
         iequals(name, "transfer-encoding");
}

std::string host_of(const Origin& origin) {
  if (!origin.unix_path.empty()) return "localhost";
  const bool v6 = origin.host.find(':') != std::string::npos;
  const std::string host = v6 ? "[" + origin.host + "]" : origin.host;
  return origin.port == (origin.tls ? "443" : "80") ? host : host + ":" + origin.port;
}

void append_request_head(std::string& head, const Origin& origin, std::string_view base_path,
                         const ClientRequest& request) {
  const std::size_t body_bytes = request.body.size() + request.more_body.size();
  head.reserve(640);  // with the fields that a worker gets
  head += request.method;
  head += ' ';
  head += base_path;
  head += request.target;
  head += " HTTP/1.1\r\n";
  append_field(head, "Host", host_of(origin));
  for (const auto& [name, value] : request.headers.fields()) {
    if (!is_own_field(name)) append_field(head, name, value);
  }
  const bool has_body = body_bytes > 0 || request.method == "POST" || request.method == "PUT" ||
                        request.method == "PATCH";
  if (has_body) append_field(head, "Content-Length", std::to_string(body_bytes));
  head += "\r\n";
}

bool is_clean_whole(const std::string& base_path, const std::string& target) {
  return base_path.empty() ? is_clean_target(target) : is_clean_target(base_path + target);
}

}  // namespace

Client::Client(Runtime& runtime, std::size_t idle_per_thread, ClientTls tls)
    : parts_(std::make_shared<Parts>(runtime.threads(), idle_per_thread, std::move(tls))) {}

Client::Client(Runtime& runtime, std::size_t idle_per_thread, std::string ca_file)
    : Client(runtime, idle_per_thread, ClientTls{.ca = std::move(ca_file)}) {}

Client::~Client() = default;

Status Client::reload_tls(ClientTls tls) {
  XC_TRY(SslContext context, make_client_tls(tls));
  const std::lock_guard held(parts_->tls_mutex);
  parts_->tls_settings = std::move(tls);
  parts_->tls_made = std::move(context);
  return {};
}

Task<Status> Client::send_bytes(const Origin& origin, std::string bytes, Deadline deadline) {
  return push(parts_, origin, std::move(bytes), deadline);
}

Task<Status> Client::push(std::shared_ptr<Parts> parts, Origin origin, std::string bytes,
                          Deadline deadline) {
  Result<SharedSslContext> tls = SharedSslContext();
  if (origin.tls) tls = parts->tls();
  if (!tls) co_return std::unexpected(std::move(tls.error()));
  Task<Result<std::shared_ptr<ClientStream>>> connecting =
      connect_stream(origin, tls->get(), deadline);
  Result<std::shared_ptr<ClientStream>> stream = co_await std::move(connecting);
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  Gather gather;
  gather.add(bytes);
  Task<Status> writing = (*stream)->write_all(gather, deadline);
  Status wrote = co_await std::move(writing);
  co_return wrote;
}

Task<Result<std::unique_ptr<ClientReply>>> Client::send(const Origin& origin, ClientRequest request,
                                                        Deadline deadline) {
  return exchange(parts_, parts_->pool.peer_of(origin), origin.base_path, std::move(request),
                  deadline);
}

// Owns what it needs, so that the caller's origin and the client itself may go while this runs. A
// kept connection that the peer had closed is stale: not one byte of a reply came, so a new one is
// tried.
Task<Result<std::unique_ptr<ClientReply>>> Client::exchange(std::shared_ptr<Parts> parts,
                                                            std::shared_ptr<const Peer> peer,
                                                            std::string base_path,
                                                            ClientRequest request,
                                                            Deadline deadline) {
  if (!is_clean_whole(base_path, request.target)) {
    co_return fail_internal("target is not clean: " + base_path + request.target);
  }
  Result<SharedSslContext> tls = SharedSslContext();
  if (peer->origin.tls) tls = parts->tls();
  if (!tls) co_return std::unexpected(std::move(tls.error()));
  const std::shared_ptr<ClientPool> pool(parts, &parts->pool);
  std::shared_ptr<ClientStream> stream = pool->take(peer->key);
  for (bool kept = stream != nullptr;; kept = false) {
    if (!kept) {
      Task<Result<std::shared_ptr<ClientStream>>> connecting =
          connect_stream(peer->origin, tls->get(), deadline);
      Result<std::shared_ptr<ClientStream>> connected = co_await std::move(connecting);
      if (!connected) co_return std::unexpected(std::move(connected.error()));
      stream = std::move(*connected);
    }
    auto reply = std::make_unique<StreamedReply>(pool, peer, stream, request.method == "HEAD");
    stream->start_clock();
    {
      SpareText head;
      append_request_head(head.text(), peer->origin, base_path, request);
      Gather gather;
      gather.add(head.text());
      gather.add(request.body);
      gather.add(request.more_body);
      if (!stream->push(gather)) {
        Task<Status> writing = stream->write_all(gather, deadline);
        Status wrote = co_await std::move(writing);
        if (!wrote && wrote.error().code != Code::Upstream) {
          co_return std::unexpected(std::move(wrote.error()));
        }
        if (!wrote) reply->forbid_reuse();  // it may have refused half-way: its reply says why
      }
    }
    stream.reset();
    Task<Status> reading = reply->read_head(deadline);
    Status got = co_await std::move(reading);
    if (got) co_return std::move(reply);
    const bool stale = kept && got.error().code == Code::Upstream && !reply->any_bytes();
    if (!stale) co_return std::unexpected(std::move(got.error()));
  }
}

}  // namespace xc::net
