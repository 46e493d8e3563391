#include "services/vmd/adapters/housekeeper.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "common/log/log.h"
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

// False when stopped.
bool Pause(const std::stop_token& stop, std::chrono::seconds duration) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

void Housekeeper::Start() {
  capper_ = std::jthread([this](const std::stop_token& stop) {
    do CapConsoleLogs();
    while (Pause(stop, kCapInterval));
  });
  collector_ = std::jthread([this](const std::stop_token& stop) {
    while (Pause(stop, vms_.CollectGarbage() ? kGarbageInterval : kRetryInterval)) continue;
  });
  reminder_ = std::jthread([this](const std::stop_token& stop) {
    do vms_.RemindNetwork();
    while (Pause(stop, kRemindInterval));
  });
}

void Housekeeper::Stop() {
  for (std::jthread* thread : {&capper_, &collector_, &reminder_}) thread->request_stop();
  for (std::jthread* thread : {&capper_, &collector_, &reminder_})
    if (thread->joinable()) thread->join();
}

void Housekeeper::CapConsoleLogs() {
  const absl::StatusOr<std::vector<std::string>> uids = files_.List();
  if (!uids.ok()) return;
  for (const std::string& uid : *uids) {
    const DiskPaths paths = files_.PathsOf(uid);
    for (const std::filesystem::path& path : {paths.console_log, paths.vmm_log, paths.vmm_metrics}) {
      const absl::Status capped = CapConsoleLog(path);
      if (!capped.ok()) log::Warn("a log grows", {{"uid", uid}, {"error", std::string(capped.message())}});
    }
  }
}

}  // namespace banger::vmd
