// The host's end of a microVM's vsock as Firecracker gives it: one Unix socket
// that leads to any port of the guest. Who connects says "CONNECT <port>\n", hears
// "OK <number>\n", and the rest is the connection's.
#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger::guestlink {

// Where a guest's agent listens, in machines that have vsock.
inline constexpr unsigned kAgentVsockPort = 1024;

// A connection to the guest's `port`, tried again for as long as the guest does not
// listen there: it boots. NOT_FOUND or UNAVAILABLE when the VMM is gone,
// DEADLINE_EXCEEDED when nobody listened in time, CANCELLED when stopped.
absl::StatusOr<UniqueFd> ConnectVsock(const std::filesystem::path& socket, unsigned port,
                                      std::chrono::steady_clock::time_point deadline,
                                      const std::stop_token& stop);

}  // namespace banger::guestlink
