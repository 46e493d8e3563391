#pragma once

#include <chrono>

#include "absl/status/status.h"
#include "cli/remote/address.h"
#include "cli/remote/certificate.h"
#include "cli/remote/contexts.h"

namespace banger::cli {

// Why gRPC has no connection, of which it tells too little: does the handshake itself.
// OK when that succeeds after all; UNAVAILABLE when nobody is there, which a moment may
// change; else UNAUTHENTICATED with what is wrong with whose certificate.
absl::Status ProbeTls(const RemoteContext& context, const HostAndPort& at, const ClientFiles& files,
                      std::chrono::milliseconds timeout);

}  // namespace banger::cli
