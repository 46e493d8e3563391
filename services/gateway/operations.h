// What clients have daemons do right now and would lose if these were restarted.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "banger/system/v1/system_service.pb.h"
#include "common/sync/mutex.h"
#include "services/gateway/caller.h"
#include "services/gateway/core/policy.h"

namespace banger::gateway {

// Calls that take more than a viewer: who only looks may look again. Thread-safe.
class Operations {
 public:
  // One call, as long as it lives; must not outlive the Operations.
  class Running {
   public:
    Running(Operations& all, const MethodPolicy& method, const Caller& caller);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    // What it is about, once it has said so.
    void SetResource(const std::string& resource);

   private:
    Operations& all_;
    std::uint64_t id_ = 0;  // 0: it does not count
  };

  // The oldest first.
  system::v1::ListOperationsResponse List() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  std::uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, system::v1::Operation> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::gateway
