// The one place that makes and gives back what VMs have on the host, and keeps
// the ledger of it. Create, start, stop, delete, their failures and the recovery
// after a crash of vmd all go through it.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/vmd/core/ports.h"
#include "services/vmd/core/snapshot_files.h"

namespace banger::vmd {

// All of core's ports; they outlive whatever holds this.
struct Ports {
  VmStore& store;
  ImageClient& images;
  NetworkClient& network;
  VmFiles& files;
  SnapshotFiles& snapshots;
  Vmm& vmm;
  Guests& guests;
  PortForwards& forwards;
  Clock& clock;
};

using ProgressFn = std::function<void(const Progress&)>;

// One idempotent piece of work that leaves a resource on the host. How to undo
// it follows from the resource.
struct Step {
  std::string stage;  // for people; empty: not worth a word
  Resource resource;
  std::string detail;  // for the ledger
  std::function<absl::Status(const std::stop_token&)> make;
};

// Thread-safe; the caller holds the VM's lock.
class HostResources {
 public:
  explicit HostResources(const Ports& ports) : ports_(ports) {}

  // Runs the steps in order, each after its ledger entry. Stops at the first
  // error; what was made until then stays for GiveBack.
  absl::Status Make(const std::string& uid, const std::vector<Step>& steps, const ProgressFn& progress,
                    const std::stop_token& stop);

  // Gives back all that the ledger says `uid` has, from the last made down to
  // `first`. Goes on after a failure; what could not be given back stays in the
  // ledger for the next attempt. Never ends early for a stopped caller.
  absl::Status GiveBack(const std::string& uid, Resource first);

 private:
  absl::Status GiveBackOne(const LedgerEntry& entry);

  const Ports ports_;
};

}  // namespace banger::vmd
