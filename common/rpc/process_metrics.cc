#include "common/rpc/process_metrics.h"

#include <fcntl.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace banger::rpc {
namespace {

double Seconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double TicksPerSecond() { return static_cast<double>(::sysconf(_SC_CLK_TCK)); }

// Fields of /proc/PID/stat: see proc(5).
struct Stat {
  double cpu_seconds = 0;
  double threads = 0;
  double start_ticks = 0;  // since the host's boot
  double virtual_bytes = 0;
  double resident_pages = 0;
};

std::optional<Stat> Read(const UniqueFd& file) {
  char text[1024];
  const ssize_t size = ::pread(file.get(), text, sizeof text, 0);
  if (size <= 0) return std::nullopt;
  // The second field is the program's name and may contain anything; the third is behind
  // the last parenthesis.
  const std::string line(text, static_cast<std::size_t>(size));
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields = absl::StrSplit(line.substr(name_end + 1), ' ', absl::SkipEmpty());
  const auto field = [&fields](std::size_t number) {
    double value = 0;
    return number - 3 < fields.size() && absl::SimpleAtod(fields[number - 3], &value) ? value : 0;
  };
  if (fields.size() < 22) return std::nullopt;
  return Stat{.cpu_seconds = (field(14) + field(15)) / TicksPerSecond(),
              .threads = field(20),
              .start_ticks = field(22),
              .virtual_bytes = field(23),
              .resident_pages = field(24)};
}

void AddGauge(prometheus::Registry& registry, const std::string& name, const std::string& help,
              double value) {
  prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({}).Set(value);
}

}  // namespace

ProcessMetrics::ProcessMetrics()
    : stat_(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC)), descriptors_(::opendir("/proc/self/fd")) {
  if (const std::optional<Stat> stat = Read(stat_); stat.has_value())
    start_time_ = Seconds(CLOCK_REALTIME) - Seconds(CLOCK_BOOTTIME) + stat->start_ticks / TicksPerSecond();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    max_descriptors_ = static_cast<double>(limit.rlim_cur);
}

void ProcessMetrics::AddTo(prometheus::Registry& registry) {
  AddDescriptors(registry);
  const std::optional<Stat> stat = Read(stat_);
  if (!stat.has_value()) return;
  prometheus::BuildCounter()
      .Name("process_cpu_seconds_total")
      .Help("CPU time that the process has used, its own and the kernel's for it.")
      .Register(registry)
      .Add({})
      .Increment(stat->cpu_seconds);
  AddGauge(registry, "process_resident_memory_bytes", "Memory of the process that is in RAM.",
           stat->resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  AddGauge(registry, "process_virtual_memory_bytes", "Address space of the process.", stat->virtual_bytes);
  AddGauge(registry, "process_threads", "Threads of the process.", stat->threads);
  AddGauge(registry, "process_start_time_seconds", "When the process started, since the epoch.", start_time_);
}

void ProcessMetrics::AddDescriptors(prometheus::Registry& registry) {
  if (max_descriptors_ > 0)
    AddGauge(registry, "process_max_fds", "Descriptors that the process may have open.", max_descriptors_);
  if (descriptors_ == nullptr) return;
  double count = 0;
  {
    const MutexLock lock(mutex_);
    ::rewinddir(descriptors_.get());
    while (const dirent* entry = ::readdir(descriptors_.get()))
      if (entry->d_name[0] != '.') ++count;
  }
  AddGauge(registry, "process_open_fds", "Open descriptors of the process.", count);
}

}  // namespace banger::rpc
