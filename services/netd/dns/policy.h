// What a guest may resolve: the seam for egress rules by name.
#pragma once

#include <functional>
#include <string>

#include "services/netd/core/name_rules.h"

namespace banger::netd::dns {

// Asked for every name that is not ours, also when the answer is in the cache.
class ResolverPolicy {
 public:
  virtual ~ResolverPolicy() = default;

  // `name` is in lower case, without the dot at its end. Refused: the guest gets
  // REFUSED ("prohibited", RFC 8914), and no upstream is asked. Called on the
  // server's only thread: must not wait.
  virtual NamePermission Permits(Ipv4 guest, const std::string& name) = 0;

  // With kListed, before the guest gets the answer: makes its addresses
  // reachable, and then calls `done`, on any thread, also before it returns.
  // False: the guest gets REFUSED instead ("blocked"). The forwarder must outlive
  // the last call of `done`, which need not come when the server ends.
  virtual void LetThrough(NameAnswer answer, std::function<void(bool may_be_sent)> done) = 0;
};

}  // namespace banger::netd::dns
