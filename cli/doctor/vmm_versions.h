// The VMMs that the configuration names, by what they say of their versions.
#pragma once

#include <stop_token>

#include "absl/strings/string_view.h"
#include "cli/doctor/finding.h"
#include "common/config/config.h"

namespace banger::cli {

// `kvm_works`: Firecracker needs it. What is not used with that configuration does not fail,
// and is not looked at when it could not be used. `path`: where vmd looks for programs, as
// PATH is written.
Findings CheckVmms(const Config& config, bool kvm_works, absl::string_view path, const std::stop_token& stop);

// Of what systemd starts.
inline constexpr char kPathOfUnits[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// "QEMU emulator version 7.2.19 (Debian ...)". Known vulnerabilities are a warning, as
// distributions repair them without another version.
Finding JudgeQemu(absl::string_view version);
// "Firecracker v1.14.4". Those that vmd refuses fail.
Finding JudgeFirecracker(absl::string_view version);

}  // namespace banger::cli
