#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstdint>
#include <optional>

#include "common/sync/mutex.h"

namespace banger::rpc {

// gRPC 1.51 runs a process' callbacks on a few threads of its own, and lets each of them
// sleep for 100 ms whenever it has had nothing to do for a second (CallbackAlternativeCQ
// in completion_queue_cc.cc). In an idle daemon they sleep in step, and one call in ten
// waits for them. While this lives there is a callback twice a second, so that one of them
// is awake. Thread-safe.
class WakefulPollers {
 public:
  WakefulPollers();
  // Waits for a callback that is running.
  ~WakefulPollers();
  WakefulPollers(const WakefulPollers&) = delete;
  WakefulPollers& operator=(const WakefulPollers&) = delete;

  // How many there have been.
  std::int64_t callbacks() const;

 private:
  void SetAlarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CallNobody();
  void Called();

  grpc::GenericStub nobody_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;

  mutable Mutex mutex_;
  std::condition_variable_any idle_;
  std::optional<grpc::Alarm> alarm_ ABSL_GUARDED_BY(mutex_);
  std::optional<grpc::ClientContext> context_;
  std::int64_t callbacks_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  // An alarm is set, or a call under way.
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace banger::rpc
