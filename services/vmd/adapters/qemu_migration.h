// QEMU's state as a file: what QEMU calls migration. The file has memory and devices in
// one; pages that are all zero take a few bytes.
#pragma once

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/vmd/adapters/qmp_client.h"

namespace banger::vmd {

// "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)": another build of one version is another one.
absl::StatusOr<std::string> QemuVersion(QmpClient& qmp);

// Writes the state of a machine that stands still to `file`; it goes on standing still.
// When stopped, or when it fails, nothing of it goes on.
absl::Status SaveState(QmpClient& qmp, int file, const std::stop_token& stop);

// Reads it into a QEMU that was started with "-incoming defer" and the same devices.
absl::Status LoadState(QmpClient& qmp, int file);

// Ends what an earlier vmd may have left of SaveState.
absl::Status EndSaving(QmpClient& qmp);

}  // namespace banger::vmd
