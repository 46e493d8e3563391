// The endpoints of one bridge: who has which address and tap.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sync/mutex.h"
#include "services/netd/core/enforcer.h"
#include "services/netd/core/name_rules.h"
#include "services/netd/core/ports.h"

namespace banger::netd {

// What a start found and did, for the log.
struct Reconciliation {
  // What of the ledger could not be understood; what is in use was taken from the
  // host.
  absl::Status ledger;
  std::vector<std::string> adopted;    // taps that go on, with their endpoints
  std::vector<std::string> detached;   // endpoints whose tap is gone
  std::vector<std::string> removed;    // taps that nobody used
  std::vector<absl::Status> failures;  // what could not be repaired; nothing else suffers
};

// How what we keep on the host is, and how often it was not.
struct Health {
  enum class Rules { kNotNeeded = 1, kInPlace = 2, kChanged = 3 };

  bool bridge_up = false;
  Interfaces uplinks;  // of the host, whether a guest needs them or not
  Rules rules = Rules::kNotNeeded;
  std::int64_t repairs = 0;  // of rules that somebody had changed, since Start
  std::chrono::system_clock::time_point last_repair;
  PerFamily<bool> forwards_everywhere;
  std::vector<std::string> problems;  // that the last reconciliation could not put right
};

// Callers are known by uid: each sees and changes its own endpoints, root all.
// Every change is in the ledger before the host is touched, and struck from it
// after the host has it no more, so that a crash at any point leaves nothing
// that the next Start does not find. The rules for a guest are there before its
// tap and go after it. Thread-safe; operations take some milliseconds and are
// done one after the other.
class Network {
 public:
  static constexpr uid_t kRoot = 0;

  // The host as the core sees it; all must outlive the network.
  struct Host {
    LinkHost& links;
    Firewall& firewall;
    Router& router;
    Ledger& ledger;
    NameRegistry& names;
  };

  // Makes ledger and host agree:
  //   * a tap in the ledger stays, whether in use or not, and is joined to the
  //     bridge again if it is not;
  //   * a tap of ours that the ledger lacks is taken back into it while in use
  //     (name and mark tell all that a row has, but for the policy, which is then
  //     the one that allows nothing), else removed;
  //   * an endpoint whose tap is gone has none; one outside of the subnet that
  //     has none goes;
  //   * rules and forwarding are as the endpoints want them.
  static absl::StatusOr<std::unique_ptr<Network>> Start(const std::string& bridge, const Subnet& subnet,
                                                        const Host& host, Reconciliation* done);

  // What the host has changed by itself or at others' hands since: does what
  // Start did, again.
  Reconciliation Reconcile() ABSL_LOCKS_EXCLUDED(mutex_);
  // The same for rules, forwarding and uplinks only. Whether rules were repaired.
  absl::StatusOr<bool> Refresh() ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<Health> Inspect() ABSL_LOCKS_EXCLUDED(mutex_);

  const Subnet& subnet() const { return subnet_; }
  absl::StatusOr<int> Mtu() ABSL_LOCKS_EXCLUDED(mutex_);

  // The lowest free address, first of those with spare taps. The same id gives the
  // same endpoint again, with the hostname of the last call.
  absl::StatusOr<Endpoint> Create(uid_t caller, const std::string& id, const std::string& hostname = "")
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<Endpoint> List(uid_t caller) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Makes the tap (and the bridge, if it is the first), or takes a spare one, owned
  // by the endpoint's owner, and publishes its name. Repairs what is there already.
  // HOSTNAME_IN_USE when a tap of another owner's has that name; one of the same
  // owner's loses it, as VMs of one vmd have different names.
  absl::StatusOr<Endpoint> Attach(uid_t caller, const std::string& id) ABSL_LOCKS_EXCLUDED(mutex_);
  // Replaces the policy (POLICY_INVALID); a running guest feels it at once, also
  // in connections that it has.
  absl::StatusOr<Endpoint> SetPolicy(uid_t caller, const std::string& id, Policy policy)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Detach(uid_t caller, const std::string& id) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Delete(uid_t caller, const std::string& id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Spare taps with their rules, of the last owner's, for endpoints to come: so
  // that `count` are there while an endpoint has a tap. Create gives their
  // addresses first, and Attach takes them. Yields to others in between.
  absl::Status FillPool(std::size_t count) ABSL_LOCKS_EXCLUDED(mutex_);
  // When no endpoint has a tap: takes spare taps, rules and bridge off the host.
  absl::Status DrainPool() ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether an endpoint has a tap.
  bool HasGuests() const ABSL_LOCKS_EXCLUDED(mutex_);
  // `changed` is called when endpoints have got or lost taps; it must not call
  // back.
  void OnTapsChanged(std::function<void()> changed) ABSL_LOCKS_EXCLUDED(mutex_);

  // Runs `use` with the name of the endpoint's tap, which stays that endpoint's
  // until it returns. TAP_NOT_ATTACHED when there is none.
  absl::Status WithTap(uid_t caller, const std::string& id,
                       const std::function<absl::Status(const std::string& tap)>& use)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // For a resolver, of each question that is not ours to answer. Waits for nobody.
  NamePermission MayResolve(Ipv4 guest, const std::string& name) const { return names_.Of(guest, name); }
  // Before such answers are sent: lets the guests reach the addresses of names
  // that their policies list, for the answers' TTL and some more. Whether each of
  // them may be sent: not when the guest's policy has changed since, and not when
  // there is an address among them that no name may lead to (MayBeNamed).
  absl::StatusOr<std::vector<bool>> LetThrough(const std::vector<NameAnswer>& answers)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // What of the host's own is in use for the guests now.
  Interfaces Uplinks() const ABSL_LOCKS_EXCLUDED(mutex_);
  Interfaces Forwarding() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Removes spare taps, and unless an endpoint has a tap bridge, rules and
  // forwarding.
  absl::Status Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Network(const std::string& bridge, const Subnet& subnet, const Host& host);

  absl::Status ReconcileLocked(Reconciliation& done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<bool> RefreshLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteProblems(const Reconciliation& done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Endpoint> Find(uid_t caller, const std::string& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Ipv4> NextAddress() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasGuestsLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasTaps() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // That no endpoint has, ascending; at most `count`.
  std::vector<Ipv4> FreeAddresses(std::size_t count) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AddSpares(std::size_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RemoveSpares() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The endpoint's, which has one in the ledger.
  absl::Status EnsureTap(const Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Rules and forwarding as the endpoints want them; none when there is no tap.
  absl::Status Enforce() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Endpoint> Rename(Endpoint endpoint, const std::string& hostname)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the hostname from an older tap of the same owner.
  absl::Status ClaimHostname(const Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Publish(const Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Withdraw(const Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // These change the ledger, then memory.
  absl::Status Put(const Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Erase(const Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ReplaceRows(const Endpoints& next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Subnet subnet_;
  const Host host_;
  mutable Mutex mutex_;
  Records records_ ABSL_GUARDED_BY(mutex_);
  Enforcer enforcer_ ABSL_GUARDED_BY(mutex_);
  NameRules names_;  // as records_ have it
  // Addresses whose rules are there for a spare tap, and soon the tap, too.
  std::set<Ipv4> spares_ ABSL_GUARDED_BY(mutex_);
  uid_t last_owner_ ABSL_GUARDED_BY(mutex_) = 0;  // of whom the next endpoint probably is
  std::function<void()> taps_changed_ ABSL_GUARDED_BY(mutex_) = [] {};
  std::int64_t repairs_ ABSL_GUARDED_BY(mutex_) = 0;
  std::chrono::system_clock::time_point last_repair_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> problems_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::netd
