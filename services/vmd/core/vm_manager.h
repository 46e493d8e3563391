// What can be done with VMs. Decides; the ports do.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sync/mutex.h"
#include "common/sync/worker_pool.h"
#include "services/vmd/core/booter.h"
#include "services/vmd/core/host_resources.h"
#include "services/vmd/core/operations.h"
#include "services/vmd/core/sizes.h"
#include "services/vmd/core/vm_events.h"
#include "services/vmd/core/vm_uses.h"
#include "services/vmd/core/watched_store.h"

namespace banger::vmd {

struct CreateVm {
  std::string name;   // empty: made up
  std::string image;  // empty: the default image
  RequestedSizes sizes;
  bool no_start = false;
  NetworkPolicy policy;  // without peers
  std::vector<std::string> allowed_vms;
  std::vector<PublishedPort> ports;
};

struct CloneVm {
  std::string name;      // of the new one; empty: made up
  std::string snapshot;  // of the other; empty: as it is now
};

// What is not set stays as it is.
struct UpdateVm {
  std::optional<bool> nat;
  struct Egress {
    EgressMode mode = EgressMode::kAll;
    std::vector<std::string> networks, domains;
  };
  std::optional<Egress> egress;
  std::vector<std::string> allow_vms;
  std::vector<std::string> disallow_vms;
  // Only while it does not run.
  RequestedSizes sizes;
  std::optional<std::string> workspace;
};

struct VmManagerOptions {
  HostCapacity host;
  ResolvedSizes defaults;
  std::string default_image;
  // VMs that nobody has used for so long are stopped; 0: never.
  std::chrono::seconds stale_after{0};
};

// A VM that is in use as long as this lives.
struct VmInUse : Vm {
  VmUses::Use use;
};

// Where a method takes a `reference`, it is a name, a uid, or an unambiguous
// prefix of a uid: VM_NOT_FOUND, VM_NAME_INVALID and VM_NAME_AMBIGUOUS are its
// errors. Thread-safe. Reading never waits for work on a VM.
class VmManager {
 public:
  static constexpr std::chrono::seconds kStopTimeout{30};

  VmManager(const Ports& ports, VmManagerOptions options);
  ~VmManager();

  absl::StatusOr<VmView> Get(const std::string& reference);
  // A row with what is true of it only now.
  VmView View(const Vm& vm) const;
  // At most `limit`, those after the row that gave `after`; see PageKey.
  absl::StatusOr<std::vector<VmView>> List(const std::string& after, std::size_t limit,
                                           Which which = Which::kAll);

  // States that no VM is in may be missing.
  absl::StatusOr<std::map<VmState, int>> CountByState() { return store_.CountByState(); }

  // A failed or cancelled create leaves nothing, but for a guest that ran and
  // never became ready: that VM is kept in ERROR, with its log.
  absl::StatusOr<VmView> Create(const CreateVm& request, const ProgressFn& progress,
                                const std::stop_token& stop);
  // A running guest feels it before this returns. VM_RUNNING for sizes of one.
  absl::StatusOr<VmView> Update(const std::string& reference, const UpdateVm& change,
                                const std::stop_token& stop);
  absl::StatusOr<VmView> PublishPort(const std::string& reference, const PublishedPort& port,
                                     const std::stop_token& stop);
  absl::StatusOr<VmView> UnpublishPort(const std::string& reference, const PublishedPort& port,
                                       const std::stop_token& stop);
  absl::StatusOr<VmView> Start(const std::string& reference, const ProgressFn& progress,
                               const std::stop_token& stop);
  // Once begun it goes to its end, whether the caller stays or not.
  absl::StatusOr<VmView> Stop(const std::string& reference, std::chrono::milliseconds timeout,
                              const std::stop_token& stop);
  absl::StatusOr<VmView> Restart(const std::string& reference, std::chrono::milliseconds timeout,
                                 const ProgressFn& progress, const std::stop_token& stop);
  // Its guest stands still, with all it has, and loses no time of its own: what is
  // due meanwhile happens at Resume, which sets the clock. Both are fine when it is so
  // already. VM_NOT_RUNNING; Resume also GUEST_UNREACHABLE: it runs with its old clock.
  absl::StatusOr<VmView> Pause(const std::string& reference, const std::stop_token& stop);
  absl::StatusOr<VmView> Resume(const std::string& reference, const std::stop_token& stop);
  // Snapshots are the VM's and go with it. An empty name is made of the time.
  absl::StatusOr<Snapshot> CreateSnapshot(const std::string& reference, const std::string& name,
                                          const ProgressFn& progress, const std::stop_token& stop);
  // By name.
  absl::StatusOr<std::vector<Snapshot>> ListSnapshots(const std::string& reference);
  absl::Status DeleteSnapshot(const std::string& reference, const std::string& name,
                              const std::stop_token& stop);
  // One that cannot be used changes nothing. When its guest does not come up the VM is
  // STOPPED, with the disks that it had.
  absl::StatusOr<VmView> Restore(const std::string& reference, const std::string& name,
                                 const ProgressFn& progress, const std::stop_token& stop);
  // Of the VM as it is now, or of a snapshot. Failed or cancelled it leaves nothing.
  absl::StatusOr<VmView> Clone(const std::string& reference, const CloneVm& request,
                               const ProgressFn& progress, const std::stop_token& stop);

  // Of those that run, start, stop or are paused, and of which the console may grow.
  std::vector<std::string> UidsUp();

  // Does not wait for other work on the VM: it is the way out of such work.
  absl::StatusOr<VmView> Kill(const std::string& reference, int signal);
  absl::Status Delete(const std::string& reference, bool force, const std::stop_token& stop);

  // The VM, if it can be used now (VM_NOT_RUNNING). Whatever is done in its guest
  // for somebody holds this meanwhile: what is in use is not stopped for being stale.
  absl::StatusOr<VmInUse> RequireRunning(const std::string& reference);
  // The same for what is known to run.
  VmUses::Use Use(const std::string& uid) { return uses_.Begin(uid); }
  // Stops what nobody has used for long; to be called now and then, does not wait.
  void StopStale();
  // So that the next vmd knows what has been used.
  void SaveTouched();

  // After a start of vmd: takes over the VMs that still run, undoes creates that
  // were under way, stops what cannot go on. Before any other call; never waits
  // for a guest or another daemon.
  absl::Status Recover();
  // Writes what the store had no room for when an operation ended, and gives back
  // what no VM has: leftovers in the ledger, leases, endpoints and directories of
  // unknown VMs. True when nothing is left to do.
  bool CollectGarbage();

  // Tells netd again about VMs whose names and policies it does not know any more.
  // To be called often; costs one call when there is nothing to tell.
  void RemindNetwork();

  // vmd is about to end: waits that the next vmd can take up again end now.
  void Shutdown() { shutdown_.request_stop(); }

  void OnVmmExit(const std::string& uid, const VmmExit& exit);

  // What changes, for whoever wants to know.
  VmEvents& events() { return events_; }

  // What is wrong with a VM that runs, told in its state's detail; empty: nothing.
  void NoteProblem(const std::string& uid, const std::string& problem);

 private:
  absl::StatusOr<Vm> Resolve(const std::string& reference);
  // Resolves, takes the VM's lock, reads the row again.
  struct Held {
    std::unique_ptr<VmOperation> operation;
    Vm vm;
  };
  absl::StatusOr<Held> Hold(const std::string& reference, const std::stop_token& stop);
  // Of exactly that VM.
  absl::StatusOr<Held> HoldUid(const std::string& uid, const std::stop_token& stop);
  absl::StatusOr<VmView> ViewOf(const std::string& uid) const;
  using AllPorts = std::multimap<std::string, PublishedPort>;
  VmView View(const Vm& vm, const AllPorts& ports) const;
  void AddNetworkTo(VmView& view, const AllPorts& ports) const;
  absl::Status ChangeSizes(const RequestedSizes& requested, Vm& vm);
  absl::Status ChangePolicy(const UpdateVm& change, NetworkPolicy& policy);
  absl::Status AllowVms(const std::vector<std::string>& references, NetworkPolicy& policy);
  absl::Status ApplyPolicy(const Vm& vm, const std::stop_token& stop);

  absl::Status Reserve(Vm& vm, bool generate_name);
  absl::Status Prepare(const Vm& vm, const ProgressFn& progress, const std::stop_token& stop);
  absl::Status FinishCreate(Vm& vm, const VmOperation& operation, absl::Status created);
  absl::Status BootHeld(Held& held, const ProgressFn& progress);
  absl::Status StopHeld(Held& held, std::chrono::milliseconds timeout);
  bool AskToPowerOff(const Vm& vm, std::chrono::milliseconds timeout, const std::stop_token& interrupt);

  // The VM as it is now, in its unfinished snapshot, which it stands still for.
  absl::StatusOr<Snapshot> Capture(const Held& held, const ProgressFn& progress);
  absl::StatusOr<FrozenMachine> FreezeHeld(const Held& held, const std::filesystem::path& directory);
  absl::Status ContinueHeld(const Vm& vm);
  // One that is whole and fits, as far as can be told.
  absl::StatusOr<Snapshot> UsableSnapshot(const Held& held, const std::string& name,
                                          const ProgressFn& progress);
  absl::Status BringBack(Held& held, const Snapshot& snapshot, const ProgressFn& progress);
  absl::Status StageClone(const Held& source, const std::string& snapshot, Vm& vm,
                          std::optional<FrozenMachine>& frozen, const ProgressFn& progress);

  bool IsStale(const Vm& vm) const;
  absl::Status StopOneStale(const std::string& uid);
  absl::Status RecoverOne(Vm vm);
  // With the VM's lock held.
  absl::Status RecoverHeld(Vm vm);
  absl::Status DeleteHeld(Vm vm);
  // Of an operation's last word about a VM: when the store could not take it, the
  // row is put right later, as after a restart.
  absl::Status Settled(const std::string& uid, absl::Status stored) ABSL_LOCKS_EXCLUDED(mutex_);
  bool Settle() ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsDoomed(const std::string& uid) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status SettleOne(const std::string& uid);
  absl::Status FinishSnapshot(const Vm& vm);
  absl::Status FinishStop(const Vm& vm);
  absl::Status FinishStopOf(const std::string& uid);
  bool CollectLedger();
  bool CollectUnknown();
  absl::Status RemindOf(const std::string& uid);
  void FinishExit(const std::string& uid, bool boot_again);

  VmEvents events_;
  WatchedStore store_;
  const Ports ports_;  // with that store
  const VmManagerOptions options_;
  HostResources resources_;
  Booter booter_;
  VmOperations operations_;
  VmUses uses_;
  mutable Mutex problems_mutex_;
  std::map<std::string, std::string> problems_ ABSL_GUARDED_BY(problems_mutex_);  // by uid
  std::stop_source shutdown_;
  mutable Mutex mutex_;
  std::set<std::string> unsettled_ ABSL_GUARDED_BY(mutex_);
  // Their deletes began, and the store had no room to take it.
  std::set<std::string> doomed_ ABSL_GUARDED_BY(mutex_);
  WorkerPool background_;  // last: its jobs use all the others
};

// Where a row stands in the order of List.
std::string PageKey(const Vm& vm);

}  // namespace banger::vmd
