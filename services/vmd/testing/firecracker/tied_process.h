// Processes that cannot outlive us.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger::vmd {

// Ends by SIGKILL when the calling thread does, however that ends: call it from the
// main thread. `fds` are {number in the child, ours}, none of which
// is the number of one that comes later; stdin is empty, stdout and
// stderr are ours. A pidfd.
absl::StatusOr<UniqueFd> StartTied(const std::vector<std::string>& argv,
                                   const std::vector<std::pair<int, int>>& fds);

}  // namespace banger::vmd
