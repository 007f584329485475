// GET /admin/audit/export. The export is written to a file without a name first: the disk's threads
// are few, and a client that reads slowly must not hold one.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "audit/export.h"
#include "audit/file.h"
#include "base/limits.h"
#include "gateway/admin_audit.h"
#include "gateway/admin_work.h"
#include "gateway/books.h"
#include "gateway/query.h"

namespace xc::gateway {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

struct Wish {
  bool csv = false;
  audit::ExportOptions options;
};

Result<Wish> wish_of(const Call& call) {
  const std::string& query = call.request().query;
  Wish wish;
  const std::string format = query_value(query, "format").value_or("jsonl");
  if (format != "jsonl" && format != "csv") {
    return fail_field("format", Message::BadValue, {"format", "?", "jsonl, csv"});
  }
  wish.csv = format == "csv";
  XC_TRY(const std::int64_t first, query_number(query, "first", 0, kForever, 0));
  wish.options.first = static_cast<std::uint64_t>(first);
  wish.options.with_content = query_value(query, "content").value_or("false") == "true";
  XC_TRY(wish.options.from_unix_ms, query_time(query, "from", 0));
  XC_TRY(wish.options.to_unix_ms, query_time(query, "to", kForever));
  return wish;
}

// What the disk's threads work on; shared, because the client may leave meanwhile.
struct Export {
  ~Export() { busy.clear(); }
  Export() = default;
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;

  static inline std::atomic_flag busy{};  // one at a time: each is as large as the log
  Wish wish;
  audit::File file;
  std::uint64_t size = 0;
  std::uint64_t sent = 0;
  std::map<std::string, std::uint64_t> contents;  // by tenant, how many are in the file
  Status outcome;
  std::string piece;
};

Status write_out(const audit::Log& log, Export& job) {
  const std::string path = log.folder() + "/export";
  XC_TRY(job.file, audit::File::open(path, O_RDWR | O_CREAT | O_TRUNC));
  ::unlink(path.c_str());
  const audit::Sink sink = [&job](std::string_view text) {
    auto written = job.file.write(job.size, text);
    job.size += text.size();
    return written;
  };
  job.wish.options.on_content = [&job](const audit::Entry& entry) {
    ++job.contents[audit::text_in(entry.record.text, "tenant")];
  };
  const audit::SignedHead head = log.head();
  if (job.wish.csv) return audit::export_csv(log.folder(), head, job.wish.options, sink);
  return audit::export_json_lines(log.folder(), log.key(), head, job.wish.options, sink);
}

// Each tenant's auditors learn that its contents were read, before anything leaves.
Status tell(const Desk& desk, const Export& job) {
  for (const auto& [tenant, count] : job.contents) {
    XC_CHECK(record(desk, "content_exported", tenant, std::to_string(count) + " leaves"));
  }
  return {};
}

void read_piece(Export& job) {
  Result<std::string> piece = job.file.read(job.sent, kPieceBytes);
  if (!piece) {
    job.outcome = std::unexpected(std::move(piece.error()));
    return;
  }
  job.piece = std::move(*piece);
  job.sent += job.piece.size();
}

}  // namespace

Task<Status> export_audit(Call& call) {
  Result<Wish> wish = wish_of(call);
  if (!wish) co_return std::unexpected(std::move(wish.error()));
  Leave leave = take_leave();  // for the scan; its pieces are read in no time
  if (!leave) co_return no_leave();
  if (Export::busy.test_and_set()) {
    co_return fail(Code::RateLimited, Message::QuotaRunning, {"export", "1"});
  }
  auto job = std::make_shared<Export>();
  job->wish = std::move(*wish);
  std::function<void()> write = [job, desk = desk_of(call), leave] {
    job->outcome = write_out(desk.books.log(), *job);
    if (job->outcome) job->outcome = tell(desk, *job);
  };
  leave = nullptr;  // the write has it
  co_await call.services.blocking.run(std::move(write));
  if (!job->outcome) co_return job->outcome;
  const std::string_view type = job->wish.csv ? "text/csv; charset=utf-8" : "application/jsonl";
  Status sent = co_await call.exchange.begin_stream(200, type);
  while (sent && job->sent < job->size) {
    std::function<void()> read = [job] { read_piece(*job); };
    co_await call.services.blocking.run(std::move(read));
    if (!job->outcome || job->piece.empty()) co_return job->outcome;
    sent = co_await call.exchange.write(job->piece);
  }
  if (!sent) co_return sent;
  Status ended = co_await call.exchange.end_stream();
  if (ended) call.audit.outcome(200);
  co_return ended;
}

}  // namespace xc::gateway
