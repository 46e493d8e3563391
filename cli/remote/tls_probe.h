#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "cli/remote/address.h"
#include "cli/remote/certificate.h"
#include "cli/remote/contexts.h"
#include "cli/remote/lookup.h"

namespace banger::cli {

// "the gateway at 'lab:7443' (context 'lab')".
std::string GatewayOf(const RemoteContext& context);

// Why gRPC has no connection, of which it tells too little: does the handshake itself.
// OK when that succeeds after all; UNAVAILABLE when nobody is there, or does not answer
// until the deadline, which a moment may change; CANCELLED; else UNAUTHENTICATED with
// what is wrong with whose certificate.
absl::Status ProbeTls(const RemoteContext& context, const HostAndPort& at, const addrinfo& addresses,
                      const ClientFiles& files, std::chrono::steady_clock::time_point deadline,
                      const std::stop_token& stop);

}  // namespace banger::cli
