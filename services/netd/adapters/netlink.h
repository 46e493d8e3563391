// The few requests to the kernel's routing netlink that netd makes, by
// libnl-route. Errors name what was tried.
#pragma once

#include <netlink/route/link.h>
#include <netlink/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/netd/core/address.h"

namespace banger::netd {

// A network interface as it was when asked for.
struct Link {
  int index = 0;
  std::string name;
  std::string kind;   // "bridge", "tun"; empty for hardware
  std::string alias;  // ours carry their mark there
  std::string mac;    // lower case
  int mtu = 0;
  int master = 0;  // index of the bridge it is a port of; 0: none
  bool up = false;
  bool carrier = false;
};

struct LinkAddress {
  int link = 0;
  IpAddress address;
  int prefix_length = 0;
};

struct Route {
  Prefix network;
  int link = 0;
  // In the main table, or one that rules choose.
  bool is_main = false;
  std::uint32_t metric = 0;  // of several to one network the lowest is used

  // Also one of the halves that VPNs make of it, and for IPv6 all that is assigned.
  bool IsDefault() const;
};

// What SetLink changes; what is not set stays.
struct LinkChanges {
  std::string alias;
  int mtu = 0;
  int master = 0;
  bool up = false;
};

// Speaks to the network namespace that it was made in. Not thread-safe.
class Netlink {
 public:
  static absl::StatusOr<std::unique_ptr<Netlink>> Connect();

  absl::StatusOr<std::vector<Link>> Links();
  // NOT_FOUND when there is none.
  absl::StatusOr<Link> FindLink(const std::string& name);
  absl::StatusOr<Link> FindLink(int index);
  absl::Status AddBridge(const std::string& name, const Mac& mac, int mtu);
  absl::Status SetLink(const Link& link, const LinkChanges& changes);
  // For a port of a bridge: the MAC is behind it, for ever and whoever else says
  // that it has it; the bridge learns no addresses from the port, and sends it
  // nothing that is for an address that it does not know.
  absl::Status BindMacToPort(const Link& port, const Mac& mac);
  // By index; fine when it is gone.
  absl::Status DeleteLink(const Link& link);

  // Of both families, and of all interfaces or the one with the index.
  absl::StatusOr<std::vector<LinkAddress>> Addresses(int link = 0);
  // Usable at once: nobody is asked whether they have it.
  absl::Status AddAddress(const Link& link, const IpAddress& address, int prefix_length);

  // Unicast routes of all tables, one for each next hop.
  absl::StatusOr<std::vector<Route>> Routes(Family family);

 private:
  struct Free {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
  };
  explicit Netlink(nl_sock* socket) : socket_(socket) {}

  std::unique_ptr<nl_sock, Free> socket_;
};

}  // namespace banger::netd
