// Which names each guest may resolve.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "common/sync/mutex.h"
#include "services/netd/core/endpoint.h"
#include "services/netd/core/rules.h"

namespace banger::netd {

enum class NamePermission {
  kRefused,  // the guest must not learn it, and nobody outside hear of it
  kFree,     // the guest may go everywhere
  kListed,   // its addresses have to be let through before the guest gets them
};

// An upstream's answer to a guest's question. Names are in lower case, without
// the dot at their end.
struct NameAnswer {
  Ipv4 guest;
  std::string name;
  std::vector<std::string> aliases;  // where its CNAMEs lead
  std::vector<IpAddress> addresses;
  std::chrono::seconds ttl{0};
};

// Thread-safe. Apart from the network, whose operations take some milliseconds:
// a resolver asks here for every question and must not wait.
class NameRules {
 public:
  // A guest that has the policy that it had keeps its aliases.
  void Update(Ipv4 address, const Policy& policy) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(Ipv4 address) ABSL_LOCKS_EXCLUDED(mutex_);

  NamePermission Of(Ipv4 guest, const std::string& name) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Resolvers that follow CNAMEs ask for their targets by themselves: they count
  // as listed until then.
  void AllowAliases(Ipv4 guest, const std::vector<std::string>& names, SteadyTime until)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Guest {
    Policy policy;
    std::map<std::string, SteadyTime> aliases;
  };

  mutable Mutex mutex_;
  std::map<Ipv4, Guest> guests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::netd
