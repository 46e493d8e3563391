// Tells systemd-resolved which names this netd knows.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/netd/core/address.h"

namespace banger::netd::dns {

// Where systemd-resolved runs, the bridge's link gets netd as the server of .vm
// and of the subnet's reverse names, and of nothing else; it goes with the link,
// or at our end. Said again when resolved or the bridge is new. Where it does
// not run nothing is touched. A thread of its own talks D-Bus.
class HostResolver {
 public:
  struct Options {
    Subnet subnet;
    std::string bridge;
    // Empty: the system bus. Tests have one of their own.
    std::string bus_address;
  };

  static absl::StatusOr<std::unique_ptr<HostResolver>> Start(Options options);
  ~HostResolver();

  // Whether resolved asks us now. Thread-safe.
  bool is_told() const { return is_told_; }

 private:
  HostResolver(Options options, UniqueFd links, UniqueFd end);
  void Run();

  const Options options_;
  const UniqueFd links_;  // readable when a link has come or gone
  const UniqueFd end_;
  std::atomic<bool> is_told_ = false;
  std::thread thread_;
};

// Whether our network is the one that systemd-resolved knows: in another one a
// link's number would be some other link's. Needs no rights.
bool IsNetworkOfInit();

// The domains to route to the bridge, for any name of which netd has authority:
// "vm", "0.30.172.in-addr.arpa".
std::vector<std::string> RoutedDomains(const Subnet& subnet);

}  // namespace banger::netd::dns
