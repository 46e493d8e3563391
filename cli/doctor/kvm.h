// KVM, as this program gets it and as the daemons do.
#pragma once

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
Finding CheckKvm(const std::vector<std::string>& probe, const std::string& vmm, absl::string_view cpuinfo,
                 const std::stop_token& stop);

// `found`, unless that user's daemons may not open the device (/dev/kvm), whoever asks.
// A user whom the host does not know may.
Finding ForUser(const Finding& found, const std::string& user, const std::filesystem::path& device,
                const std::string& vmm);

}  // namespace banger::cli
