#include "services/netd/tap_pool.h"

#include <string>

#include "common/log/log.h"

namespace banger::netd {
namespace {

using std::chrono::steady_clock;

void LogFailure(const char* what, const absl::Status& status) {
  if (!status.ok()) log::Error(what, {{"error", std::string(status.message())}});
}

}  // namespace

TapPool::TapPool(const Options& options, Network& network) : options_(options), network_(network) {
  network.OnTapsChanged([this] {
    const MutexLock lock(mutex_);
    changed_ = true;
    wake_.notify_one();
  });
  thread_ = std::thread([this] { Run(); });
}

TapPool::~TapPool() {
  {
    const MutexLock lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void TapPool::Run() {
  constexpr auto kNever = steady_clock::time_point::max();
  steady_clock::time_point drain_at = kNever;
  while (Wait(drain_at)) {
    if (network_.HasGuests()) {
      drain_at = kNever;
      LogFailure("no spare tap made", network_.FillPool(options_.size));
    } else if (drain_at == kNever) {
      drain_at = steady_clock::now() + options_.linger;
    } else if (steady_clock::now() >= drain_at) {
      const absl::Status drained = network_.DrainPool();
      LogFailure("spare taps not removed", drained);
      drain_at = drained.ok() ? kNever : steady_clock::now() + options_.linger;
    }
  }
}

bool TapPool::Wait(steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (!ending_ && !changed_) {
    if (deadline == steady_clock::time_point::max()) {
      wake_.wait(lock);
    } else if (wake_.wait_until(lock, deadline) == std::cv_status::timeout) {
      break;
    }
  }
  const auto settled = steady_clock::now() + options_.settle;
  while (changed_ && !ending_ && steady_clock::now() < settled) wake_.wait_until(lock, settled);
  changed_ = false;
  return !ending_;
}

}  // namespace banger::netd
