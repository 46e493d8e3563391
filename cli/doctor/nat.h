// NAT from end to end: a packet of a VM's, and the answer to it.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "banger/system/v1/system_service.pb.h"
#include "cli/doctor/finding.h"

namespace banger::cli {

// An exit code; an error when nothing ran.
using RunInVm =
    std::function<absl::StatusOr<int>(const std::string& vm, const std::vector<std::string>& argv)>;
using RunOnHost = std::function<absl::StatusOr<int>(const std::vector<std::string>& argv)>;

// A VM with NAT pings the host's router. When it gets no answer, the host does: a router
// that answers nobody tells nothing. `routes`: /proc/net/route.
Finding CheckNat(const system::v1::GetNetworkResponse& network, absl::string_view routes,
                 const RunInVm& in_vm, const RunOnHost& on_host);

}  // namespace banger::cli
