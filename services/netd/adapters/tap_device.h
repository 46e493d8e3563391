// Taps as /dev/net/tun makes them.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger::netd {

// A new tap, which the kernel removes with this object unless MakePersistent was
// called: so nothing is left when its set-up fails, or netd dies during it.
class TapDevice {
 public:
  // `owner` may open it without privileges. ALREADY_EXISTS when there is an
  // interface of that name.
  static absl::StatusOr<TapDevice> Create(const std::string& name, uid_t owner);

  // Closes the tap's descriptor.
  absl::Status MakePersistent();

 private:
  TapDevice(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  UniqueFd fd_;
  std::string name_;
};

// The queue of a persistent tap: one frame a read or write, each behind a
// virtio_net_hdr. Nonblocking. NOT_FOUND when there is no such tap,
// FAILED_PRECONDITION when somebody has it open already.
absl::StatusOr<UniqueFd> OpenTapQueue(const std::string& name);

}  // namespace banger::netd
