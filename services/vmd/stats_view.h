#pragma once

#include "absl/status/statusor.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "services/vmd/core/stats_keeper.h"

namespace banger::vmd {

absl::StatusOr<vm::v1::GetVmStatsResponse> ListStats(StatsKeeper& stats,
                                                     const vm::v1::GetVmStatsRequest& request);

}  // namespace banger::vmd
