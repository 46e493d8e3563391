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
using std::chrono::steady_clock;

// A serial console makes less than a MiB a second.
constexpr auto kCapInterval = 2s;
constexpr auto kFirstGarbage = 0s;
constexpr auto kGarbageInterval = 30s;

}  // namespace

void Housekeeper::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Housekeeper::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Housekeeper::Run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  auto collect_at = steady_clock::now() + kFirstGarbage;
  while (!stop.stop_requested()) {
    CapConsoleLogs();
    if (steady_clock::now() >= collect_at) {
      vms_.CollectGarbage();
      collect_at = steady_clock::now() + kGarbageInterval;
    }
    never.wait_for(lock, stop, kCapInterval, [] { return false; });
  }
}

void Housekeeper::CapConsoleLogs() {
  const absl::StatusOr<std::vector<std::string>> uids = files_.List();
  if (!uids.ok()) return;
  for (const std::string& uid : *uids) {
    const absl::Status capped = CapConsoleLog(files_.PathsOf(uid).console_log);
    if (!capped.ok())
      log::Warn("console log grows", {{"uid", uid}, {"error", std::string(capped.message())}});
  }
}

}  // namespace banger::vmd
