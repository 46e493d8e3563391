// Firecracker's vsock in its two halves: the double, which is confined and reaches nobody,
// takes connections and hands them to fake-kvm, which leads them to the machine's serial
// port, where the guest's agent listens as well. So the machine has no device that keeps
// it from being frozen.
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger::vmd {

// The host's end of the vsock; it must not be there. Who connects waits.
absl::StatusOr<UniqueFd> OpenVsock(const std::filesystem::path& socket);

// Takes connections and answers their "CONNECT port" with "OK number"; each is given to
// `kvm`, our line to fake-kvm. From a thread of its own, until the process ends.
void ServeVsock(UniqueFd listener, int kvm);

// Moves bytes between a connection and the machine's `port` until either end closes; in
// a thread of its own.
void CarryVsock(UniqueFd connection, const std::filesystem::path& port);

}  // namespace banger::vmd
