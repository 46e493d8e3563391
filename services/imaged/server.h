#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/rpc/daemon.h"

namespace banger::imaged {

// Everything imaged is made of. Provides the built-in image before it serves; a
// failure of that is logged, not fatal.
absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeServer(const rpc::DaemonContext& context);

}  // namespace banger::imaged
