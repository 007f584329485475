// Two ways to one result, tried at once.
#pragma once

#include <functional>

#include "base/task.h"

namespace xc::net {

// Runs both on the caller's I/O thread and returns when both have ended. As soon as `decided` says
// so, which is asked whenever one has ended, the other is cancelled. A caller that is cancelled
// cancels both, waits for them, and then hears of it. They may therefore use what is the caller's;
// their destructors may not, because loops that stop destroy coroutines in any order. What escapes
// of one that was not cancelled is thrown on.
Task<void> run_both(std::function<Task<void>()> first, std::function<Task<void>()> second,
                    std::function<bool()> decided);

}  // namespace xc::net
