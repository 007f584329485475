#include "fleet/process_memory.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

namespace xc::fleet {

ProcessMemory memory_of(pid_t pid) {
  if (pid <= 0) return {};
  std::FILE* file = std::fopen(fmt::format("/proc/{}/statm", pid).c_str(), "re");
  if (!file) return {};
  unsigned long long size = 0;
  unsigned long long resident = 0;
  unsigned long long shared = 0;  // resident pages of files and shared memory
  const int read = std::fscanf(file, "%llu %llu %llu", &size, &resident, &shared);
  std::fclose(file);
  if (read != 3) return {};
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return {resident * page, (resident > shared ? resident - shared : 0) * page};
}

}  // namespace xc::fleet
