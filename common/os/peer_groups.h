#pragma once

#include <sys/types.h>

#include <vector>

#include "absl/status/statusor.h"

namespace banger {

// The supplementary groups of the process that connected, when it did, as the
// kernel knows them (SO_PEERGROUPS). Its primary group may be among them or not.
absl::StatusOr<std::vector<gid_t>> GetPeerGroups(int fd);

}  // namespace banger
