#pragma once

#include <chrono>
#include <string>

#include "banger/vm/v1/snapshot.pb.h"

namespace banger::cli {

std::string SnapshotTable(const vm::v1::ListVmSnapshotsResponse& snapshots,
                          std::chrono::system_clock::time_point now);

}  // namespace banger::cli
