#include "common/rpc/wakeful_pollers.h"

#include <chrono>

namespace banger::rpc {
namespace {

constexpr auto kBetweenCallbacks = std::chrono::milliseconds(500);

}  // namespace

// Without credentials a channel leads nowhere: its calls fail at once, in a callback.
WakefulPollers::WakefulPollers() : nobody_(grpc::CreateChannel("nobody", nullptr)) {
  const grpc::Slice byte("x");
  request_ = grpc::ByteBuffer(&byte, 1);
  const MutexLock lock(mutex_);
  SetAlarm();
}

WakefulPollers::~WakefulPollers() {
  MutexLock lock(mutex_);
  closing_ = true;
  alarm_->Cancel();
  idle_.wait(lock, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !busy_; });
}

std::int64_t WakefulPollers::callbacks() const {
  const MutexLock lock(mutex_);
  return callbacks_;
}

void WakefulPollers::SetAlarm() {
  busy_ = true;
  alarm_.emplace();
  // Not on those threads but on gRPC's executor.
  alarm_->Set(std::chrono::system_clock::now() + kBetweenCallbacks, [this](bool) { CallNobody(); });
}

void WakefulPollers::CallNobody() {
  context_.emplace();
  nobody_.UnaryCall(&*context_, "/nobody", {}, &request_, &response_,
                    [this](const grpc::Status&) { Called(); });
}

void WakefulPollers::Called() {
  const MutexLock lock(mutex_);
  ++callbacks_;
  busy_ = false;
  if (!closing_) return SetAlarm();
  idle_.notify_all();
}

}  // namespace banger::rpc
