#include "services/vmd/adapters/housekeeper.h"

#include <chrono>
#include <string>
#include <vector>

#include "common/log/log.h"
#include "common/sync/pause.h"
#include "services/vmd/adapters/console_log.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;

// A serial console makes less than a MiB a second.
constexpr auto kCapInterval = 2s;
constexpr auto kGarbageInterval = 30s;
// After imaged or netd was away.
constexpr auto kRetryInterval = 5s;
constexpr auto kRemindInterval = 2s;
constexpr auto kStaleInterval = 10s;

}  // namespace

void Housekeeper::Start() {
  capper_ = std::jthread([this](const std::stop_token& stop) {
    CapAllLogs();
    while (PauseFor(kCapInterval, stop)) CapLogs();
  });
  collector_ = std::jthread([this](const std::stop_token& stop) {
    while (PauseFor(vms_.CollectGarbage() ? kGarbageInterval : kRetryInterval, stop)) continue;
  });
  sampler_ = std::jthread([this](const std::stop_token& stop) {
    do stats_.Sample();
    while (PauseFor(stats_interval_, stop));
  });
  stopper_ = std::jthread([this](const std::stop_token& stop) {
    while (PauseFor(kStaleInterval, stop)) vms_.StopStale();
    vms_.SaveTouched();
  });
  reminder_ = std::jthread([this](const std::stop_token& stop) {
    do vms_.RemindNetwork();
    while (PauseFor(kRemindInterval, stop));
  });
}

void Housekeeper::Stop() {
  for (std::jthread* thread : {&capper_, &sampler_, &stopper_, &collector_, &reminder_})
    thread->request_stop();
  for (std::jthread* thread : {&capper_, &sampler_, &stopper_, &collector_, &reminder_})
    if (thread->joinable()) thread->join();
}

// What was written while vmd was away, of all VMs.
void Housekeeper::CapAllLogs() {
  const absl::StatusOr<std::vector<std::string>> uids = files_.List();
  if (!uids.ok()) return;
  for (const std::string& uid : *uids) CapLogsOf(uid);
}

void Housekeeper::CapLogs() {
  for (const std::string& uid : vms_.UidsUp()) CapLogsOf(uid);
}

void Housekeeper::CapLogsOf(const std::string& uid) {
  const DiskPaths paths = files_.PathsOf(uid);
  for (const std::filesystem::path& path : {paths.console_log, paths.vmm_log, paths.vmm_metrics}) {
    const absl::Status capped = CapConsoleLog(path);
    if (!capped.ok()) log::Warn("a log grows", {{"uid", uid}, {"error", std::string(capped.message())}});
  }
}

}  // namespace banger::vmd
