#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/sync/mutex.h"
#include "services/vmd/core/ports.h"
#include "services/vmd/core/vm_events.h"

namespace banger::vmd {

// A store whose changes of VMs are published in the order in which they were made.
class WatchedStore final : public VmStore {
 public:
  WatchedStore(VmStore& store, VmEvents& events) : store_(store), events_(events) {}

  absl::Status Insert(const Vm& vm) override;
  absl::Status Update(const Vm& vm) override;
  absl::Status UpdateSettings(const Vm& vm) override;
  absl::StatusOr<bool> ChangeState(const std::string& uid, const std::vector<VmState>& from, VmState to,
                                   const std::string& detail) override;
  absl::Status Delete(const std::string& uid) override;
  absl::Status AddPort(const std::string& uid, const PublishedPort& port) override;
  absl::Status RemovePort(const std::string& uid, const PublishedPort& port) override;

  // Publishes the row as it is, for what is shown of it beside what is stored.
  void PublishAgain(const std::string& uid) ABSL_LOCKS_EXCLUDED(mutex_);

  // Not worth an event.
  absl::Status Touch(const std::string& uid, Time time) override { return store_.Touch(uid, time); }
  absl::StatusOr<std::optional<Vm>> Find(const std::string& uid) override { return store_.Find(uid); }
  absl::StatusOr<std::vector<Vm>> Match(const std::string& reference) override {
    return store_.Match(reference);
  }
  absl::StatusOr<std::vector<Vm>> List(const std::string& after, std::size_t limit, Which which) override {
    return store_.List(after, limit, which);
  }
  absl::StatusOr<std::map<VmState, int>> CountByState() override { return store_.CountByState(); }
  absl::StatusOr<std::vector<PublishedPort>> PortsOf(const std::string& uid) override {
    return store_.PortsOf(uid);
  }
  absl::StatusOr<std::multimap<std::string, PublishedPort>> AllPorts() override { return store_.AllPorts(); }
  absl::Status Record(const LedgerEntry& entry) override { return store_.Record(entry); }
  absl::Status Strike(const std::string& uid, Resource resource) override {
    return store_.Strike(uid, resource);
  }
  absl::StatusOr<std::vector<LedgerEntry>> Ledger(const std::string& uid) override {
    return store_.Ledger(uid);
  }

 private:
  // The row as it is now.
  void PublishRow(const std::string& uid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  VmStore& store_;
  VmEvents& events_;
  Mutex mutex_;  // a change and its event are one
};

}  // namespace banger::vmd
