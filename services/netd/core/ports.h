// What the core needs of the host.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/netd/core/endpoint.h"
#include "services/netd/core/rules.h"

namespace banger::netd {

// A tap that carries our mark.
struct Tap {
  std::string name;
  std::string endpoint_id;  // empty for a spare one, made for endpoints to come
  uid_t owner = 0;
  // Somebody has its descriptor open.
  bool in_use = false;

  bool is_spare() const { return endpoint_id.empty(); }
  bool operator==(const Tap&) const = default;
};

// The host's links, as far as they are of this netd: each carries a mark with
// the bridge's name and netd's directory. What carries none, or another's, is
// never changed. Used by one thread at a time.
class LinkHost {
 public:
  virtual ~LinkHost() = default;

  // Makes the bridge, with its address and up, as far as that is not so yet.
  // INTERFACE_NOT_OURS, SUBNET_IN_USE and BRIDGE_ADDRESS_DIFFERS are found
  // before anything is made.
  virtual absl::Status EnsureBridge() = 0;

  // Fine when there is none, or none of ours.
  virtual absl::Status RemoveBridge() = 0;

  // Of the bridge, or what it will get.
  virtual absl::StatusOr<int> BridgeMtu() = 0;

  // Whether it is there, ours, up, and has its address.
  virtual absl::StatusOr<bool> BridgeIsUp() = 0;

  // Sorted by name.
  virtual absl::StatusOr<std::vector<Tap>> ListTaps() = 0;

  // INTERFACE_NOT_OURS when there is an interface of that name that is not.
  virtual absl::Status CheckTapName(const std::string& name) = 0;

  // Makes the tap, as a whole or not at all, joins it to the bridge and brings
  // it up, as far as that is not so yet; a spare one of its name and owner
  // becomes it. INTERFACE_NOT_OURS as above. `in_use` is ignored.
  virtual absl::Status EnsureTap(const Tap& tap) = 0;

  // Fine when there is none, or none of ours.
  virtual absl::Status RemoveTap(const std::string& name) = 0;
};

// Told which names have which addresses: those of endpoints with a tap. Used by
// one thread at a time.
class NameRegistry {
 public:
  virtual ~NameRegistry() = default;

  // Takes the place of an earlier address of this name.
  virtual void Publish(const std::string& hostname, Ipv4 address) = 0;
  // Fine when the name is not there, or has another address.
  virtual void Withdraw(const std::string& hostname, Ipv4 address) = 0;
};

// The host's packet filter, as far as it is of this netd: tables of its own, and
// marked rules in those of others that would else drop what ours allow. Used by
// one thread at a time.
class Firewall {
 public:
  virtual ~Firewall() = default;

  // From now on exactly these rules hold; on failure those from before do.
  virtual absl::Status Apply(Rules rules) = 0;

  // Whether what was applied last is what holds. False when nothing was.
  virtual absl::StatusOr<bool> IsInPlace() = 0;

  // Puts in place again what somebody else has changed since; whether there was
  // anything. Fine when nothing has been applied yet.
  virtual absl::StatusOr<bool> Repair() = 0;

  // Rules::opened as an earlier netd left them.
  virtual absl::StatusOr<OpenedAddresses> Opened() = 0;

  // Fine when there is nothing of ours.
  virtual absl::Status Remove() = 0;
};

// How the host forwards packets. Used by one thread at a time.
class Router {
 public:
  virtual ~Router() = default;

  // The interfaces that its default routes use.
  virtual absl::StatusOr<std::set<std::string>> Uplinks(Family family) = 0;

  // Whether packets that come in by the interface are forwarded; false when
  // there is no such interface.
  virtual absl::StatusOr<bool> Forwards(Family family, const std::string& interface) = 0;
  // Fine when there is no such interface. Of IPv6 this leaves to others what they
  // have switched on.
  virtual absl::Status SetForwarding(Family family, const std::string& interface, bool on) = 0;
  // Whether somebody wants the host to be a router on all its interfaces.
  virtual absl::StatusOr<bool> ForwardsEverywhere(Family family) = 0;
};

// What netd must know after a restart.
struct Records {
  Endpoints endpoints;
  // Interfaces whose forwarding is on only because of us.
  Interfaces forwarding;

  bool operator==(const Records&) const = default;
};

// Where the records are kept over a restart of netd, each by itself, so that a
// change takes as long with one guest as with hundreds. Changes are all or nothing;
// after an OK they survive a crash. Used by one thread at a time.
class Ledger {
 public:
  virtual ~Ledger() = default;

  struct Contents {
    Records records;
    absl::Status damage;  // DATA_LOSS: names what could not be understood, and is gone now
  };
  virtual absl::StatusOr<Contents> Load() = 0;

  // Takes the place of the row of its id.
  virtual absl::Status Save(const Endpoint& endpoint) = 0;
  // Fine when there is none.
  virtual absl::Status Remove(const std::string& id) = 0;
  virtual absl::Status SaveForwarding(const Interfaces& interfaces) = 0;
};

}  // namespace banger::netd
