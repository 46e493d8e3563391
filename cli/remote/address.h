#pragma once

#include <optional>
#include <string>

namespace banger::cli {

// Where a gateway listens.
struct HostAndPort {
  std::string host;  // a name or an address, without brackets
  std::string port;
};

// Of "lab:7443", "192.0.2.7:7443" and "[2001:db8::7]:7443"; empty for anything else.
std::optional<HostAndPort> ParseAddress(const std::string& address);

// What gRPC is told. Never the address itself: of "unix:1" it would make a socket.
std::string GrpcTarget(const HostAndPort& at);

}  // namespace banger::cli
