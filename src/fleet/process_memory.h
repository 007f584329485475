// What a process uses now, from /proc. Reads one small kernel file; any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace xc::fleet {

struct ProcessMemory {
  std::uint64_t resident_bytes = 0;
  std::uint64_t private_bytes = 0;  // without mapped files, which the kernel counts as free
};

// Zeros when there is no such process.
ProcessMemory memory_of(pid_t pid);

}  // namespace xc::fleet
