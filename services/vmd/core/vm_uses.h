#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/sync/mutex.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

// Who uses a VM now, and when it was touched last: a command, a copy, a connection
// to a published port, from its begin to its end. Thread-safe; outlives its uses.
class VmUses {
 public:
  class Use {
   public:
    Use(VmUses* owner, std::string uid) : owner_(owner), uid_(std::move(uid)) {}
    Use(Use&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), uid_(std::move(other.uid_)) {}
    Use& operator=(Use&&) = delete;
    ~Use() {
      if (owner_ != nullptr) owner_->End(uid_);
    }

   private:
    VmUses* owner_;
    std::string uid_;
  };

  explicit VmUses(Clock& clock) : clock_(clock) {}

  Use Begin(const std::string& uid);

  struct Last {
    bool in_use = false;
    Time touched;  // the epoch when it was not since vmd's start
  };
  Last Of(const std::string& uid) const;

  // Touched since this was asked the last time.
  std::vector<std::pair<std::string, Time>> TakeTouched();

  // The VM has gone.
  void Forget(const std::string& uid);

 private:
  struct Record {
    int uses = 0;
    Time touched;
    bool taken = false;  // by TakeTouched
    bool gone = false;   // is dropped with its last use
  };
  void End(const std::string& uid);

  Clock& clock_;
  mutable Mutex mutex_;
  std::map<std::string, Record> records_ ABSL_GUARDED_BY(mutex_);  // by uid
};

}  // namespace banger::vmd
