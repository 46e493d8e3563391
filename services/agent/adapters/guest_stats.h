#pragma once

#include <cstdint>
#include <filesystem>

namespace banger::agent {

struct Filled {
  std::int64_t used_bytes = 0;
  std::int64_t size_bytes = 0;
};

// What cannot be read is 0.
struct GuestStats {
  std::int64_t memory_total_bytes = 0;
  std::int64_t memory_available_bytes = 0;
  double load = 0;
  Filled rootfs;
  Filled home;
};

GuestStats ReadGuestStats(const std::filesystem::path& proc = "/proc");

}  // namespace banger::agent
