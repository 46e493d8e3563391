#include "services/agent/adapters/guest_stats.h"

#include <sys/statvfs.h>

#include <fstream>
#include <string>

namespace banger::agent {
namespace {

void ReadMemory(const std::filesystem::path& proc, GuestStats& stats) {
  std::ifstream meminfo(proc / "meminfo");
  for (std::string name, unit; meminfo >> name;) {
    std::int64_t kib = 0;
    meminfo >> kib;
    std::getline(meminfo, unit);
    if (name == "MemTotal:") stats.memory_total_bytes = kib << 10;
    if (name == "MemAvailable:") stats.memory_available_bytes = kib << 10;
  }
}

Filled ReadFilled(const char* path) {
  struct statvfs info {};
  if (::statvfs(path, &info) < 0) return {};
  const auto unit = static_cast<std::int64_t>(info.f_frsize);
  return {.used_bytes = static_cast<std::int64_t>(info.f_blocks - info.f_bfree) * unit,
          .size_bytes = static_cast<std::int64_t>(info.f_blocks) * unit};
}

}  // namespace

GuestStats ReadGuestStats(const std::filesystem::path& proc) {
  GuestStats stats{.rootfs = ReadFilled("/"), .home = ReadFilled("/root")};
  ReadMemory(proc, stats);
  std::ifstream(proc / "loadavg") >> stats.load;
  return stats;
}

}  // namespace banger::agent
