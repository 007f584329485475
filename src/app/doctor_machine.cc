#include <fmt/format.h>

#include <filesystem>

#include "app/doctor.h"
#include "app/machine.h"
#include "app/terminal.h"
#include "catalog/fit.h"

namespace xc::app {
namespace {

constexpr std::uint64_t kDiskLow = 2ULL << 30;  // less than most models
constexpr std::uint64_t kMemoryLow = 512ULL << 20;

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

void check_engine(const Surroundings& here, Checks& checks) {
  const Language language = here.language;
  const EngineLibraries found = engine_libraries(here.program);
  const std::string title(texts::CheckEngine.in(language));
  if (found.plugin.empty()) {
    checks.push_back({"engine", title, Verdict::Bad,
                      say<texts::EngineMissing>(language, "libxingcha-llama.so")});
    return;
  }
  if (!found.problem.empty()) {
    checks.push_back({"engine", title, Verdict::Bad, found.problem});
    return;
  }
  checks.push_back({"engine", title, Verdict::Fine, found.plugin});
  const bool none = found.cpu_variants.empty();
  checks.push_back({"cpu_variants", std::string(texts::CheckVariants.in(language)),
                    none ? Verdict::Bad : Verdict::Fine,
                    none ? std::string(texts::VariantsNone.in(language))
                         : say<texts::VariantsAre>(language, found.cpu_variants.size(),
                                                   joined(found.cpu_variants))});
  checks.push_back({"accelerators", std::string(texts::CheckBackends.in(language)), Verdict::Fine,
                    found.accelerators.empty()
                        ? std::string(texts::BackendsNone.in(language))
                        : say<texts::BackendsAre>(language, joined(found.accelerators))});
}

void check_disk(const Surroundings& here, Checks& checks) {
  std::filesystem::path path = here.home.models();
  std::error_code failed;
  while (!std::filesystem::exists(path, failed) && path.has_relative_path()) {
    path = path.parent_path();
  }
  const auto space = std::filesystem::space(path, failed);
  if (failed) return;
  const bool low = space.available < kDiskLow;
  checks.push_back(
      {"disk", std::string(texts::CheckDisk.in(here.language)), low ? Verdict::Warn : Verdict::Fine,
       low ? say<texts::DiskLow>(here.language, path.string(), bytes_text(space.available))
           : say<texts::DiskIs>(here.language, path.string(), bytes_text(space.available),
                                bytes_text(space.capacity))});
}

}  // namespace

void check_machine(const Surroundings& here, Checks& checks) {
  const Language language = here.language;
  const Cpu cpu = cpu_here();
  checks.push_back({"cpu", std::string(texts::CheckCpu.in(language)), Verdict::Fine,
                    say<texts::CpuIs>(language, cpu.model, cpu.cores, joined(cpu.features))});
  check_engine(here, checks);
  const catalog::Memory memory = catalog::memory_here();
  checks.push_back({"memory", std::string(texts::CheckMemory.in(language)),
                    memory.available_bytes < kMemoryLow ? Verdict::Warn : Verdict::Fine,
                    say<texts::MemoryIs>(language, bytes_text(memory.available_bytes),
                                         bytes_text(memory.total_bytes))});
  check_disk(here, checks);
}

}  // namespace xc::app
