// The composition root: the only file that knows all the parts.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/rpc/daemon.h"

namespace banger::gateway {

absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeParts(const rpc::DaemonContext& context);

}  // namespace banger::gateway
