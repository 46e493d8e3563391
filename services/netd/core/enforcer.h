#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "services/netd/core/ports.h"

namespace banger::netd {

// Makes the host do what the endpoints' policies say, no more: rules for the
// guests, and forwarding where one of them needs it. Used by one thread at a
// time.
class Enforcer {
 public:
  // Stores which interfaces we have made forward, before they do.
  using SaveForwarding = std::function<absl::Status(const Interfaces&)>;

  // Firewall and router must outlive it.
  Enforcer(std::string bridge, std::vector<Family> families, Firewall& firewall, Router& router,
           SaveForwarding save)
      : bridge_(std::move(bridge)),
        families_(std::move(families)),
        firewall_(firewall),
        router_(router),
        save_(std::move(save)) {}

  // What an earlier netd had recorded, and opened.
  void Restore(Interfaces forwarding, OpenedAddresses opened) {
    forwarding_ = std::move(forwarding);
    opened_ = std::move(opened);
  }

  // After a change of the endpoints, or of the addresses with spare taps.
  absl::Status Enforce(const Endpoints& endpoints, const std::set<Ipv4>& spares);
  // After a change of the host: finds the uplinks anew, repairs rules and
  // forwarding. Whether rules had to be repaired.
  absl::StatusOr<bool> Refresh(const Endpoints& endpoints, const std::set<Ipv4>& spares);
  // When no endpoint has a tap: removes all of it; the rules stay where the host
  // cannot be kept from forwarding IPv6.
  absl::Status Remove();

  // A guest may use an answer this much longer than its TTL: programs keep
  // addresses for a while.
  static constexpr std::chrono::seconds kGrace{30};

  // A name that the guest's policy lists has these addresses. Connections to them
  // go on after that; of the guest's addresses the last thousand are remembered.
  // True: needs Enforce.
  bool Open(Ipv4 guest, const std::vector<IpAddress>& addresses, SteadyTime until);
  // Forgets what was opened for the guest, as its policy is another now. True when
  // there was anything.
  bool Close(Ipv4 guest);

  const Interfaces& uplinks() const { return uplinks_; }
  const Interfaces& forwarding() const { return forwarding_; }

 private:
  absl::Status FindUplinks();
  absl::Status SetForwarding(Family family, const std::set<std::string>& wanted);
  absl::Status StopForwarding(Family family, const std::string& interface);
  // Stores it, and then remembers it.
  absl::Status Record(Interfaces forwarding);

  const std::string bridge_;
  const std::vector<Family> families_;
  Firewall& firewall_;
  Router& router_;
  const SaveForwarding save_;
  bool knows_uplinks_ = false;
  bool in_force_ = false;  // the last Enforce has done all
  Interfaces uplinks_;
  Interfaces forwarding_;
  OpenedAddresses opened_;
};

}  // namespace banger::netd
