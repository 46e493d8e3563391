// What the core needs of the host.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/netd/core/endpoint.h"

namespace banger::netd {

// A tap that carries our mark.
struct Tap {
  std::string name;
  std::string endpoint_id;
  uid_t owner = 0;
  // Somebody has its descriptor open.
  bool in_use = false;

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

  // Sorted by name.
  virtual absl::StatusOr<std::vector<Tap>> ListTaps() = 0;

  // Makes the tap, as a whole or not at all, joins it to the bridge and brings
  // it up, as far as that is not so yet. INTERFACE_NOT_OURS when an interface
  // of its name is not. `in_use` is ignored.
  virtual absl::Status EnsureTap(const Tap& tap) = 0;

  // Fine when there is none, or none of ours.
  virtual absl::Status RemoveTap(const std::string& name) = 0;
};

// Where the endpoints are kept over a restart of netd. Used by one thread at a
// time.
class Ledger {
 public:
  virtual ~Ledger() = default;

  // Empty when there is none yet; DATA_LOSS when it cannot be understood.
  virtual absl::StatusOr<Endpoints> Load() = 0;

  // All or nothing; after an OK it survives a crash.
  virtual absl::Status Save(const Endpoints& endpoints) = 0;
};

}  // namespace banger::netd
