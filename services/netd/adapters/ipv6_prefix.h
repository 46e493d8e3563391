#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "services/netd/core/prefix.h"

namespace banger::netd {

// The guests' IPv6 network where the configuration names none: unique local
// (RFC 4193), and always the same for one host and bridge. It follows from
// `machine_id` by a hash that does not tell it; on a host without one (an image
// that has not booted yet) from random bytes, kept in `seed`.
absl::StatusOr<Prefix> ChooseIpv6Prefix(const std::string& bridge, const std::filesystem::path& machine_id,
                                        const std::filesystem::path& seed);

}  // namespace banger::netd
