// What VMs may do on the network, and what of them the host's network sees.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace banger::vmd {

// The numbers are stored.
enum class EgressMode { kAll = 1, kNone = 2, kListed = 3 };

// As netd's EndpointPolicy, which checks it.
struct NetworkPolicy {
  bool nat = false;
  EgressMode egress = EgressMode::kAll;
  std::vector<std::string> networks;  // with kListed: "10.0.0.0/8"
  std::vector<std::string> domains;   // with kListed: "*.example.com"
  std::vector<std::string> peers;     // uids of VMs

  bool operator==(const NetworkPolicy&) const = default;
};

// The numbers are stored.
enum class PortProtocol { kTcp = 1, kUdp = 2 };

// Where others reach a published port: host address, port and protocol say which
// it is.
struct PublishedPort {
  std::string host_address = "127.0.0.1";  // IPv4
  int host_port = 0;
  PortProtocol protocol = PortProtocol::kTcp;
  int guest_port = 0;

  bool operator==(const PublishedPort&) const = default;
};

// FIELD_INVALID unless it is an IPv4 address and ports of 1 to 65535.
absl::Status CheckPort(const PublishedPort& port);

// Whether the host can have only one of them; the guest's ports play no part.
bool Collide(const PublishedPort& a, const PublishedPort& b);

// "127.0.0.1:8080/udp".
std::string HostSide(const PublishedPort& port);

}  // namespace banger::vmd
