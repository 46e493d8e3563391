#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "services/netd/adapters/netlink.h"
#include "services/netd/core/ports.h"

namespace banger::netd {

// Routes by rtnetlink, forwarding by /proc/sys/net/ipv4/conf. IPv4 asks only the
// interface by which a packet comes in, so the host becomes a router for the
// bridge and its uplink and for nobody else.
class LinuxRouter final : public Router {
 public:
  static absl::StatusOr<std::unique_ptr<LinuxRouter>> Create();

  absl::StatusOr<std::set<std::string>> Uplinks() override;
  absl::StatusOr<bool> Forwards(const std::string& interface) override;
  absl::Status SetForwarding(const std::string& interface, bool on) override;
  absl::StatusOr<bool> ForwardsEverywhere() override;

 private:
  explicit LinuxRouter(std::unique_ptr<Netlink> netlink) : netlink_(std::move(netlink)) {}

  const std::unique_ptr<Netlink> netlink_;
};

}  // namespace banger::netd
