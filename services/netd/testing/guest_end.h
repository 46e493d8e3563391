#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/netd/core/address.h"

namespace banger::netd {

// A guest as its network card sees the world: frames on a tap's queue.
class GuestEnd {
 public:
  GuestEnd(UniqueFd queue, Ipv4 address) : queue_(std::move(queue)), address_(address) {}

  // The MAC that answers for the address.
  absl::StatusOr<std::string> ResolveByArp(const std::string& address) const;

  // One ICMP echo and its reply.
  absl::Status Ping(const std::string& address, const std::string& mac) const;

 private:
  std::string Ethernet(const std::string& destination, const std::string& type) const;
  absl::Status Send(const std::string& frame) const;

  // The first frame that is `wanted`. Asks again until there is one, as a guest
  // does: the bridge drops what comes before it has noticed the tap's carrier.
  absl::StatusOr<std::string> Ask(const std::string& question,
                                  const std::function<bool(const std::string&)>& wanted) const;
  absl::Status AnswerArp(const std::string& frame) const;

  UniqueFd queue_;
  Ipv4 address_;
};

}  // namespace banger::netd
