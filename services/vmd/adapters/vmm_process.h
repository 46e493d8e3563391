// VMMs as processes: how one is started and how a lost one is found.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/os/subprocess.h"
#include "common/os/unique_fd.h"
#include "services/vmd/adapters/confinement.h"

namespace banger::vmd {

// A VMM's first argument is an option whose value is this: "qemu -name banger-UID",
// "firecracker --id banger-UID". By it one without a record is found again.
std::string VmmLabel(const std::string& uid);

struct VmmCommand {
  std::filesystem::path launcher;  // banger-confine
  // What it is left with, and its program.
  Confined confined;
  // Descriptors {number in the VMM (from 3 on, without gaps), ours}.
  std::vector<std::pair<int, int>> fds;
  // Of ours; -1: stdout goes where stderr goes.
  int stdout_fd = -1;
  std::filesystem::path working_dir = "/";
};

struct StartedVmm {
  Subprocess child;
  UniqueFd complaints;  // what it says on stderr; non-blocking
};

// Confined, in a session of its own, with an empty environment and no other
// descriptor.
absl::StatusOr<StartedVmm> StartVmm(const VmmCommand& command);

// The last line of what is in the pipe, without waiting.
std::string LastWords(int pipe);

// A VMM that nobody watches: vmd ended between its start and its record, or the
// record is broken. Only our own processes are looked at. A pidfd, or NOT_FOUND.
absl::StatusOr<UniqueFd> FindVmmProcess(const std::string& uid);

}  // namespace banger::vmd
