// Address and port of a server, IPv4 or IPv6.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/netd/core/address.h"

namespace banger::netd::dns {

inline constexpr std::uint16_t kDnsPort = 53;

class SocketAddress {
 public:
  SocketAddress(Ipv4 address, std::uint16_t port);

  // "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "fe80::1%eth0", "[::1]:5353".
  // INVALID_ARGUMENT for anything else.
  static absl::StatusOr<SocketAddress> Parse(absl::string_view text, std::uint16_t default_port);

  int family() const { return storage_.generic.sa_family; }
  const sockaddr* get() const { return &storage_.generic; }
  socklen_t size() const { return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }

  bool IsLoopback() const;
  std::uint16_t port() const;
  std::string ToString() const;

  bool operator==(const SocketAddress& other) const;

 private:
  SocketAddress() = default;

  union Storage {
    sockaddr generic;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  Storage storage_{};
};

}  // namespace banger::netd::dns
