#include "services/netd/dns/client_rules.h"

#include <net/if.h>

namespace banger::netd::dns {

std::optional<Client> ClientRules::Admit(Ipv4 source, unsigned interface) {
  // The kernel lets these in from nobody else.
  if (source.bits() >> 24 == 127 || source == subnet_.gateway()) return Client{.address = source};
  if (!subnet_.IsGuestAddress(source)) return std::nullopt;
  if (interface != 0 && interface != bridge_index_) {
    bridge_index_ = ::if_nametoindex(bridge_.c_str());
    if (interface != bridge_index_) return std::nullopt;
  }
  return Client{.address = source, .is_guest = true};
}

}  // namespace banger::netd::dns
