// Processes known by more than their number.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger {

// Tells a process from a later one with the same number, also after a reboot.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat
  std::string boot_id;            // /proc/sys/kernel/random/boot_id

  bool operator==(const ProcessIdentity&) const = default;
};

// NOT_FOUND when there is no such process.
absl::StatusOr<ProcessIdentity> IdentifyProcess(pid_t pid);

// A pidfd of exactly that process; NOT_FOUND when it is gone, whatever runs
// under its number now.
absl::StatusOr<UniqueFd> OpenProcess(const ProcessIdentity& identity);

absl::Status SignalProcess(int pidfd, int signal);

// True when the process ended within the timeout, false when not or when
// stopped. Does not reap; works for processes that are not our children.
bool WaitForProcessEnd(int pidfd, std::chrono::milliseconds timeout, const std::stop_token& stop = {});

}  // namespace banger
