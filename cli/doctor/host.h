// What the host itself is like; nothing is asked of a daemon.
#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cli/doctor/finding.h"

namespace banger::cli {

// By /proc/cpuinfo, where a hypervisor may hide what KVM uses all the same.
Finding CheckCpu(absl::string_view cpuinfo, bool kvm_works);

// `probe`: a command that runs a vCPU and exits with 0, or says why it cannot. `vmm`: as
// configured; some cannot do without.
Finding CheckKvm(const std::vector<std::string>& probe, const std::string& vmm, const std::stop_token& stop);

Finding CheckFileSystemTools();

Finding CheckSpace(const std::string& what, const std::filesystem::path& directory);
Finding JudgeSpace(const std::string& what, const std::string& directory, std::int64_t free_bytes,
                   std::int64_t free_inodes);

// Later than this program was built, and kept right by somebody.
Finding CheckClock(std::chrono::system_clock::time_point now, absl::string_view build_time,
                   bool synchronised);
bool ClockIsSynchronised();

}  // namespace banger::cli
