// What a VMM is left with: it runs a guest that may have taken it over.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/landlock.h"
#include "services/vmd/adapters/vmm_driver.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

// All the files of a VMM of that machine. `program` may be a dynamic one: it has
// the system's libraries to read.
std::vector<FileAccess> FilesOfQemu(const std::filesystem::path& program, const Machine& machine);
std::vector<FileAccess> FilesOfFirecracker(const std::filesystem::path& program, const Machine& machine,
                                           const VmmPaths& paths);

// Of a VMM that only boots a kernel.
std::vector<FileAccess> FilesOfTrial(const std::filesystem::path& program,
                                     const std::filesystem::path& vmlinux);

struct Confined {
  std::filesystem::path cgroup;  // that it joins; empty: none
  std::vector<FileAccess> files;
  std::vector<std::string> argv;

  bool operator==(const Confined&) const = default;
};

// The command that runs it: banger-confine, which is at `launcher`.
std::vector<std::string> ConfinedCommand(const std::filesystem::path& launcher, const Confined& confined);

// The other way around; INVALID_ARGUMENT when it is no such command.
absl::StatusOr<Confined> ParseConfinedCommand(const std::vector<std::string>& command);

// For good, and for all that this process executes: no_new_privs and no capabilities;
// Landlock, where the kernel has it; the seccomp filter of denied_calls.h; no core
// files, few descriptors. Before there are threads.
absl::Status ConfineSelf(const Confined& confined);

}  // namespace banger::vmd
