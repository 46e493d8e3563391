#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/sync/mutex.h"
#include "common/sync/worker_pool.h"
#include "services/vmd/core/usage.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

struct VmStats {
  VmView view;
  std::optional<HostUsage> host;      // of a VM that runs
  std::optional<double> cpu_percent;  // 100 is one CPU; none before there are two samples
  std::optional<GuestUsage> guest;    // what it said last
};

// Measures the VMs that run and asks their guests now and then. Nobody who wants to
// know waits for a guest; one that does not answer is told of in its VM's state.
// Thread-safe.
class StatsKeeper {
 public:
  // A guest that is emulated on a busy host may be slow.
  static constexpr std::chrono::seconds kAnswerTimeout{15};

  StatsKeeper(VmManager& vms, UsageMeter& meter, Guests& guests, Clock& clock);
  ~StatsKeeper() { stop_.request_stop(); }

  // Of one, whether it runs or not; of all that run.
  absl::StatusOr<VmStats> Of(const std::string& reference);
  absl::StatusOr<std::vector<VmStats>> OfAll();

  // To be called every now and then. Does not wait for guests.
  void Sample();

 private:
  struct Record {
    std::optional<HostUsage> last;
    std::optional<HostUsage> before;
    std::optional<GuestUsage> guest;
    bool asking = false;
    std::optional<Time> silent_since;
  };

  absl::StatusOr<std::vector<VmView>> Running();
  VmStats Of(VmView view);
  void SampleOne(const VmView& view);
  void Ask(const std::string& uid);
  void NoteProblem(const std::string& uid, const VmView& view);

  VmManager& vms_;
  UsageMeter& meter_;
  Guests& guests_;
  Clock& clock_;
  Mutex mutex_;
  std::map<std::string, Record> records_ ABSL_GUARDED_BY(mutex_);  // by uid, of VMs that run
  std::stop_source stop_;
  WorkerPool askers_;  // last: its jobs use all the others
};

}  // namespace banger::vmd
