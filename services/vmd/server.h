#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/rpc/daemon.h"

namespace banger::vmd {

// Everything that vmd is made of; the only place that knows all of it.
absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeServer(const rpc::DaemonContext& context);

}  // namespace banger::vmd
