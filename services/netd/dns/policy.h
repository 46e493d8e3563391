// What a guest may resolve: the seam for egress rules by name.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "services/netd/core/address.h"

namespace banger::netd::dns {

// Asked for every name that is not ours, also when the answer is in the cache.
// Called on the server's thread: what takes long keeps all clients waiting.
class ResolverPolicy {
 public:
  virtual ~ResolverPolicy() = default;

  // `name` is in lower case, without the dot at its end. False: the guest gets
  // REFUSED ("prohibited", RFC 8914), and no upstream is asked.
  virtual bool Allows(Ipv4 guest, const std::string& name) = 0;

  // Just before the guest gets these addresses, good for `ttl`: they can be
  // let through now. False: the guest gets REFUSED instead (addresses that must
  // not be rebound to, for one).
  virtual bool OnAnswer(Ipv4 guest, const std::string& name, const std::vector<Ipv4>& addresses,
                        std::chrono::seconds ttl) = 0;
};

}  // namespace banger::netd::dns
