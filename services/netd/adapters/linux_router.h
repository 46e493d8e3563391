#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "services/netd/adapters/ipv6_switch.h"
#include "services/netd/adapters/netlink.h"
#include "services/netd/core/ports.h"

namespace banger::netd {

// Routes by rtnetlink, forwarding by /proc/sys/net. The kernel asks only the
// interface by which a packet comes in, so the host becomes a router for the bridge
// and its uplink and for nobody else: by ipv4/conf/INTERFACE/forwarding, and from
// Linux 6.17 on by ipv6/conf/INTERFACE/force_forwarding. Before, IPv6 has one switch
// for all interfaces, and it is the bridge that switches it.
class LinuxRouter final : public Router {
 public:
  struct Options {
    std::string bridge;
    std::filesystem::path ipv6_undo;  // Ipv6Switch's
    bool ipv6_by_interface = CanForwardIpv6ByInterface();
  };
  static bool CanForwardIpv6ByInterface();
  static absl::StatusOr<std::unique_ptr<LinuxRouter>> Create(Options options);

  absl::StatusOr<std::set<std::string>> Uplinks(Family family) override;
  absl::StatusOr<bool> Forwards(Family family, const std::string& interface) override;
  absl::Status SetForwarding(Family family, const std::string& interface, bool on) override;
  absl::StatusOr<bool> ForwardsEverywhere(Family family) override;

 private:
  LinuxRouter(Options options, std::unique_ptr<Netlink> netlink)
      : options_(std::move(options)), ipv6_switch_(options_.ipv6_undo), netlink_(std::move(netlink)) {}
  bool HasOneSwitch(Family family) const { return family == Family::kIpv6 && !options_.ipv6_by_interface; }

  const Options options_;
  Ipv6Switch ipv6_switch_;
  const std::unique_ptr<Netlink> netlink_;
};

}  // namespace banger::netd
