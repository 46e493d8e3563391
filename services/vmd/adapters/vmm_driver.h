// What differs between VMMs. What is common to them, as their processes, records
// and ends, is in vmm_host.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/subprocess.h"
#include "common/os/unique_fd.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

// Where the VMM of one VM has its things.
struct VmmPaths {
  std::filesystem::path sockets;  // a directory; it is there and goes after the end
  std::filesystem::path record;
  std::filesystem::path console_log;
  std::filesystem::path cgroup;  // that it joins before it is executed; empty: none
  // Where this run's output begins in the console log.
  std::int64_t console_begin = 0;
  // Where VMMs write what they freeze that make their files themselves.
  std::filesystem::path frozen() const { return record.parent_path() / "frozen"; }
};

// vmd's line to one VMM process. Thread-safe; ends before its VMM's Destroy.
class VmmMonitor {
 public:
  virtual ~VmmMonitor() = default;
  // Lets the guest run, from where it was frozen if it was. Once, and only after Spawn.
  virtual absl::Status Run(const std::stop_token& stop) = 0;
  virtual absl::Status PowerDown() = 0;
  // As Vmm has them.
  virtual absl::Status Pause() = 0;
  virtual absl::Status Resume() = 0;
  // As Vmm has it; gives the VMM's version.
  virtual absl::StatusOr<std::string> Freeze(const std::filesystem::path& directory,
                                             const std::stop_token& stop) = 0;
  // How the VMM, whose process has ended, came to that; kEnded when it did not say.
  // Waits a little for what is still on its way.
  virtual VmmExit HowItEnded() = 0;
};

struct SpawnedVmm {
  Subprocess child;
  // What it says of its troubles. Read for as long as it starts; later it has nobody
  // to complain to.
  UniqueFd complaints;
  std::string vmm;  // as VmmProcess has it
  std::unique_ptr<VmmMonitor> monitor;
  std::int64_t overhead_mib = 0;  // of memory, that it takes at most besides the guest's
};

class VmmDriver {
 public:
  virtual ~VmmDriver() = default;
  // For people: "QEMU".
  virtual std::string name() const = 0;
  // Whether a VmmProcess::vmm is of this driver.
  virtual bool Knows(const std::string& vmm) const = 0;
  // Starts the process; the guest does not run yet.
  virtual absl::StatusOr<SpawnedVmm> Spawn(const Machine& machine, const VmmPaths& paths,
                                           const std::stop_token& stop) = 0;
  // To the VMM that an earlier vmd spawned; `pidfd` is its process.
  virtual absl::StatusOr<std::unique_ptr<VmmMonitor>> Connect(const VmmPaths& paths, int pidfd) = 0;
  virtual AgentChannel Agent(const VmmPaths& paths) const = 0;
};

}  // namespace banger::vmd
