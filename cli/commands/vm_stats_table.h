#pragma once

#include <string>

#include "banger/vm/v1/vm_service.pb.h"

namespace banger::cli {

std::string VmStatsTable(const vm::v1::GetVmStatsResponse& stats);

}  // namespace banger::cli
