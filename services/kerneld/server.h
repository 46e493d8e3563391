#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/rpc/daemon.h"

namespace banger::kerneld {

// The composition root: the only place that knows all the parts of kerneld.
absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeServer(const rpc::DaemonContext& context);

}  // namespace banger::kerneld
