#include "fleet/prober.h"

#include "base/limits.h"

namespace xc::fleet {

Task<void> probe_one(Pools& pools, net::Client& client, Probe probe) {
  net::ClientRequest request;
  request.target = probe.path;
  if (!probe.key.empty()) request.headers.set("Authorization", "Bearer " + probe.key);
  const Deadline deadline = Deadline::after(limits::kProbeTimeout);
  Task<Result<std::unique_ptr<net::ClientReply>>> sending =
      client.send(probe.origin, std::move(request), deadline);
  Result<std::unique_ptr<net::ClientReply>> reply = co_await std::move(sending);
  bool well = reply && (*reply)->status() / 100 == 2;
  if (well) {
    Task<Result<std::string>> reading = (*reply)->read_all(limits::kProbeReplyBytesMax, deadline);
    const Result<std::string> body = co_await std::move(reading);
    well = body.has_value();
  }
  pools.probed(probe.endpoint, well);
}

void probe_all(Pools& pools, net::Client& client, net::Runtime& runtime, net::TaskGroup& tasks) {
  for (const Probe& probe : pools.probes()) {
    tasks.spawn(runtime.executor(0),
                [&pools, &client, probe] { return probe_one(pools, client, probe); });
  }
}

}  // namespace xc::fleet
