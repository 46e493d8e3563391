// What happens to VMs, for those who watch.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/sync/mutex.h"
#include "services/vmd/core/vm.h"

namespace banger::vmd {

struct VmEvent {
  Vm vm;  // as it was then
  bool deleted = false;
};

// The last changes, in their order. Publishing never waits for a watcher: one that
// is too far behind finds that what it would need next has gone. Thread-safe.
class VmEvents {
 public:
  // How many are kept.
  static constexpr std::size_t kKept = 1024;
  static constexpr int kMaxWatchers = 64;

  VmEvents();

  void Publish(VmEvent event);

  // Between two events. Text form: of this run of vmd only.
  using Position = std::uint64_t;
  Position Now() const;
  std::string Token(Position position) const;
  // WATCH_EXPIRED when what came after it is no longer known, FIELD_INVALID when it
  // is no token.
  absl::StatusOr<Position> Parse(const std::string& token) const;

  // Waits for the event after `position` and moves on. WATCH_EXPIRED, CANCELLED.
  absl::StatusOr<std::shared_ptr<const VmEvent>> Next(Position& position, const std::stop_token& stop);

  // A place among those who may watch at a time; RESOURCE_EXHAUSTED when there is
  // none.
  class Seat {
   public:
    explicit Seat(VmEvents* owner) : owner_(owner) {}
    Seat(Seat&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Seat& operator=(Seat&&) = delete;
    ~Seat();

   private:
    VmEvents* owner_;
  };
  absl::StatusOr<Seat> Sit();

 private:
  const std::string run_;
  mutable Mutex mutex_;
  std::condition_variable_any published_;
  std::deque<std::shared_ptr<const VmEvent>> events_ ABSL_GUARDED_BY(mutex_);
  Position end_ ABSL_GUARDED_BY(mutex_) = 0;
  int watchers_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace banger::vmd
