// The serving agent: GuestService over what the machine has of a virtio-serial port
// and vsock.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger::agent {

// The port that QEMU's virtserialport has as its name.
inline constexpr char kPortName[] = "banger.agent";

// Serves until SIGTERM; an error is what kept it from serving.
absl::Status Serve();

}  // namespace banger::agent
