// Who else on this host has what the VMs' network needs. netd sees it when it makes the
// bridge, so with the first VM; the doctor before.
#pragma once

#include <filesystem>

#include "absl/strings/string_view.h"
#include "banger/system/v1/system_service.pb.h"
#include "cli/doctor/finding.h"

namespace banger::cli {

// `routes`: /proc/net/route.
Finding CheckSubnet(const system::v1::GetNetworkResponse& network, absl::string_view routes);

// `interfaces`: /sys/class/net. `netd_run_dir`: of the netd that this is about; another's
// bridge is somebody else's.
Finding CheckBridge(const system::v1::GetNetworkResponse& network, const std::filesystem::path& interfaces,
                    const std::filesystem::path& netd_run_dir);

}  // namespace banger::cli
