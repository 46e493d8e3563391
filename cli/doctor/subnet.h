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

// `interfaces`: /sys/class/net.
Finding CheckBridge(const system::v1::GetNetworkResponse& network, const std::filesystem::path& interfaces);

}  // namespace banger::cli
