// Where the DNS server listens.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/netd/core/address.h"
#include "services/netd/dns/socket_address.h"

namespace banger::netd::dns {

// One address: both sockets, or none when it could not be had.
struct ListenSockets {
  UniqueFd udp;
  UniqueFd tcp;

  bool valid() const { return udp.valid(); }
};

struct DnsSockets {
  ListenSockets host;                 // a loopback address
  ListenSockets guests;               // port 53 of the bridge's address, which need not be there yet
  std::vector<std::string> warnings;  // why one of them is not there
};

// "127.0.0.1:42069"; INVALID_ARGUMENT unless it is an IPv4 loopback address with
// a port.
absl::StatusOr<SocketAddress> ParseListenAddress(const std::string& text);

// Needs CAP_NET_BIND_SERVICE for port 53, and nothing afterwards. An address that
// is taken is a warning: netd is of use without DNS. `host_listen` empty: none
// for the host.
absl::StatusOr<DnsSockets> BindDnsSockets(const std::string& host_listen, Ipv4 gateway);

}  // namespace banger::netd::dns
