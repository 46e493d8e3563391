// Work on one VM is serial, on different ones parallel.
#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/sync/either_stops.h"
#include "common/sync/keyed_lock.h"
#include "common/sync/mutex.h"

namespace banger::vmd {

class VmOperations;

// A VM's lock, held as long as this lives, and the tokens that end the work.
class VmOperation {
 public:
  VmOperation(VmOperations& owner, std::string uid, KeyedLock::Hold hold, const std::stop_token& caller);
  ~VmOperation();
  VmOperation(const VmOperation&) = delete;
  VmOperation& operator=(const VmOperation&) = delete;

  // The caller has left, or Interrupt was called.
  std::stop_token stop() const { return either_.token(); }
  // Only Interrupt.
  std::stop_token interrupt() const { return interrupt_.get_token(); }
  bool interrupted() const { return interrupt_.stop_requested(); }

 private:
  friend class VmOperations;

  VmOperations& owner_;
  const std::string uid_;
  KeyedLock::Hold hold_;
  std::stop_source interrupt_;
  const EitherStops either_;
};

// Thread-safe; outlives its operations.
class VmOperations {
 public:
  // Waits for the VM's lock; CANCELLED when the caller leaves first.
  absl::StatusOr<std::unique_ptr<VmOperation>> Begin(const std::string& uid, const std::stop_token& caller);

  // Does not wait: CANCELLED when somebody has it.
  absl::StatusOr<std::unique_ptr<VmOperation>> TryBegin(const std::string& uid);

  // Ends whatever is being done with the VM now, so that its lock comes free.
  void Interrupt(const std::string& uid);

 private:
  friend class VmOperation;

  KeyedLock locks_;
  Mutex mutex_;
  std::map<std::string, VmOperation*> active_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::vmd
