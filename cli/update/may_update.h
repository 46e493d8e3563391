// What keeps `banger update` from touching a host.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "banger/system/v1/system_service.pb.h"
#include "cli/client.h"

namespace banger::cli {

// FAILED_PRECONDITION unless systemd runs the installation below `prefix`, and when that
// belongs to a Debian package; PERMISSION_DENIED unless we are root.
absl::Status CheckMayUpdate(const std::filesystem::path& prefix, const std::stop_token& stop);

// FAILED_PRECONDITION (OPERATIONS_RUN), naming them, while the gateway serves calls that a
// restart would cut off; what ends soon is waited for. A gateway that does not answer serves none.
absl::Status CheckNothingIsCutOff(Client& client);

}  // namespace banger::cli
