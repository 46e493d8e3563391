#include "services/vmd/core/stats_keeper.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace {

// Below that a difference of clock ticks says little.
constexpr std::chrono::milliseconds kShortest{500};
constexpr std::size_t kPage = 1000;
constexpr std::size_t kAskers = 32;
constexpr std::size_t kAskersQueue = 4096;

double Percent(const HostUsage& from, const HostUsage& to) {
  const std::chrono::duration<double> used = to.cpu_time - from.cpu_time;
  const std::chrono::duration<double> passed = to.when - from.when;
  return 100.0 * used / passed;
}

std::string StoppedProblem(pid_t pid) {
  return absl::StrCat("its VMM (process ", pid, ") is stopped by a signal; 'kill -CONT ", pid,
                      "' lets it go on");
}

std::string SilentProblem(Time since) {
  return absl::StrCat(
      "its agent has not answered since ",
      absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromChrono(since), absl::UTCTimeZone()));
}

}  // namespace

StatsKeeper::StatsKeeper(VmManager& vms, UsageMeter& meter, Guests& guests, Clock& clock)
    : vms_(vms), meter_(meter), guests_(guests), clock_(clock), askers_(kAskers, kAskersQueue) {}

absl::StatusOr<std::vector<VmView>> StatsKeeper::Running() {
  std::vector<VmView> running;
  std::string after;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::vector<VmView> page, vms_.List(after, kPage, Which::kUp));
    for (const VmView& view : page)
      if (view.pid != 0 && view.vm.state == VmState::kRunning) running.push_back(view);
    if (page.size() < kPage) return running;
    after = PageKey(page.back().vm);
  }
}

absl::StatusOr<VmStats> StatsKeeper::Of(const std::string& reference) {
  BANGER_ASSIGN_OR_RETURN(VmView view, vms_.Get(reference));
  return Of(std::move(view));
}

absl::StatusOr<std::vector<VmStats>> StatsKeeper::OfAll() {
  BANGER_ASSIGN_OR_RETURN(std::vector<VmView> running, Running());
  std::vector<VmStats> all;
  for (VmView& view : running) all.push_back(Of(std::move(view)));
  return all;
}

VmStats StatsKeeper::Of(VmView view) {
  VmStats stats{.view = std::move(view)};
  if (stats.view.pid == 0) return stats;
  const absl::StatusOr<HostUsage> host = meter_.Measure(stats.view.pid);
  if (!host.ok()) return stats;  // it has ended just now
  stats.host = *host;
  const MutexLock lock(mutex_);
  const auto record = records_.find(stats.view.vm.uid);
  if (record == records_.end()) return stats;
  stats.guest = record->second.guest;
  for (const std::optional<HostUsage>& then : {record->second.last, record->second.before}) {
    // A process that has used less than before is another one.
    if (!then.has_value() || host->when - then->when < kShortest || host->cpu_time < then->cpu_time) continue;
    stats.cpu_percent = Percent(*then, *host);
    break;
  }
  return stats;
}

void StatsKeeper::Sample() {
  const absl::StatusOr<std::vector<VmView>> running = Running();
  if (!running.ok()) return;
  std::set<std::string> uids;
  for (const VmView& view : *running) {
    uids.insert(view.vm.uid);
    SampleOne(view);
  }
  const MutexLock lock(mutex_);
  std::erase_if(records_, [&](const auto& entry) {
    if (uids.contains(entry.first)) return false;
    vms_.NoteProblem(entry.first, "");
    return true;
  });
}

void StatsKeeper::SampleOne(const VmView& view) {
  const std::string& uid = view.vm.uid;
  const absl::StatusOr<HostUsage> host = meter_.Measure(view.pid);
  if (!host.ok()) return;
  {
    const MutexLock lock(mutex_);
    Record& record = records_[uid];
    record.before = record.last;
    record.last = *host;
    // Who is stopped hears nobody, and the askers would queue up at its door.
    if (!record.asking && !host->stopped) record.asking = askers_.Submit([this, uid] { Ask(uid); });
  }
  NoteProblem(uid, view);
}

void StatsKeeper::Ask(const std::string& uid) {
  const absl::StatusOr<GuestUsage> usage = guests_.Usage(uid, kAnswerTimeout, stop_.get_token());
  if (stop_.stop_requested()) return;
  {
    const MutexLock lock(mutex_);
    const auto record = records_.find(uid);
    if (record == records_.end()) return;
    record->second.asking = false;
    if (usage.ok()) {
      record->second.guest = *usage;
      record->second.silent_since.reset();
    } else if (!record->second.silent_since.has_value()) {
      record->second.silent_since = clock_.Now() - kAnswerTimeout;
    }
  }
  if (const absl::StatusOr<VmView> view = vms_.Get(uid); view.ok()) NoteProblem(uid, *view);
}

void StatsKeeper::NoteProblem(const std::string& uid, const VmView& view) {
  std::string problem;
  {
    const MutexLock lock(mutex_);
    const auto record = records_.find(uid);
    if (record == records_.end()) return;
    if (record->second.last.has_value() && record->second.last->stopped) {
      problem = StoppedProblem(view.pid);
    } else if (record->second.silent_since.has_value()) {
      problem = SilentProblem(*record->second.silent_since);
    }
  }
  vms_.NoteProblem(uid, problem);
}

}  // namespace banger::vmd
