#pragma once

#include <netdb.h>

#include <chrono>
#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "cli/remote/address.h"
#include "common/tls/openssl.h"

namespace banger::cli {

using Addresses = std::unique_ptr<addrinfo, FreeWith<::freeaddrinfo>>;

// One or more. UNAVAILABLE when the host's name is not known, or not until the deadline;
// CANCELLED. Nothing ends a look-up that takes long: it is left behind.
absl::StatusOr<Addresses> LookUp(const HostAndPort& at, std::chrono::steady_clock::time_point deadline,
                                 const std::stop_token& stop);

}  // namespace banger::cli
