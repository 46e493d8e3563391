#pragma once

#include <cstdint>

#include "absl/status/statusor.h"

namespace banger::netd {

// How many transactions the kernel's packet filter has seen, whoever made them:
// one more with each. Asked by netlink, in microseconds.
absl::StatusOr<std::uint32_t> NftGeneration();

}  // namespace banger::netd
