// Who may ask at all.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "services/netd/core/address.h"
#include "services/netd/dns/responder.h"

namespace banger::netd::dns {

// The host's own programs and the guests, nobody else: this is no open resolver,
// whatever may reach its sockets. Used by one thread.
class ClientRules {
 public:
  ClientRules(const Subnet& subnet, std::string bridge) : subnet_(subnet), bridge_(std::move(bridge)) {}

  // By source address, and the interface that the packet came in by where that
  // is known (else 0): a guest's address from any other than the bridge is a lie.
  std::optional<Client> Admit(Ipv4 source, unsigned interface);

 private:
  const Subnet subnet_;
  const std::string bridge_;
  unsigned bridge_index_ = 0;  // as last seen; bridges come and go
};

}  // namespace banger::netd::dns
