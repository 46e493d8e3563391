// VMMs that outlive vmd's unit, as its KillMode= is process: systemd itself forgets them
// when vmd has stopped. Known by the unit's control group, so by no name that a process
// gives itself. None on a host without unified control groups.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"

namespace banger::cli {

inline constexpr char kVmdGroup[] = "/sys/fs/cgroup/system.slice/banger-vmd.service";

// The processes of `group`, and of groups below it, but `vmd`, its main one.
std::vector<pid_t> Vmms(const std::filesystem::path& group, pid_t vmd);

// Kills all that is in `group`, and waits until it has gone. Fine when there is no such
// group. DEADLINE_EXCEEDED after ten seconds, for what is stuck in the kernel.
absl::Status KillGroup(const std::filesystem::path& group, const std::stop_token& stop);

}  // namespace banger::cli
