// netd's composition root: the only file that knows all of its parts.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/rpc/daemon.h"

namespace banger::netd {

// Gives up all rights but CAP_NET_ADMIN; before any thread is made.
absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeServer(const rpc::DaemonContext& context);

}  // namespace banger::netd
