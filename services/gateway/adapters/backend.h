// One daemon as the gateway sees it: a channel that reconnects, whether the
// daemon answers, and the calls that wait for it to come back.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "common/sync/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace banger::gateway {

// Follows the daemon's health service on one stream; all of it happens in gRPC's
// callbacks, so it needs no thread. Thread-safe. Outlives the calls that use it.
class Backend {
 public:
  struct Options {
    std::string daemon;
    std::filesystem::path socket;
    // gRPC service config, JSON: which methods may be sent again.
    std::string service_config;
    // How long a daemon may be away before calls that wait for it are refused.
    std::chrono::milliseconds patience{3000};
    // Called with each change, never twice at once; may be empty.
    std::function<void(bool serving)> on_change;
  };

  // A call that can wait for the daemon.
  class Waiter {
   public:
    virtual ~Waiter() = default;
    // The daemon did not come. Must not call back into the Backend.
    virtual void GiveUp() = 0;
  };

  explicit Backend(Options options);
  // Returns when the last callback has ended; not to be called from one.
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  const std::string& daemon() const { return options_.daemon; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  grpc::GenericStub& stub() { return stub_; }
  bool serving() const;
  bool has_socket() const;

  // False when the daemon has been away for longer than the patience; otherwise
  // GiveUp is called when that happens before RemoveWaiter.
  [[nodiscard]] bool AddWaiter(Waiter* waiter);
  void RemoveWaiter(Waiter* waiter);

  // "vmd is not running: there is no socket '/run/banger/vmd.sock'".
  std::string DescribeOutage() const;

 private:
  class Watch;

  void StartWatch();
  void WatchSaysServing();
  void WatchEnded();
  void PatienceEnded();
  void BecomeAway() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Schedule(std::optional<grpc::Alarm>& alarm, std::chrono::milliseconds delay, void (Backend::*then)())
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CallbackEnded();

  const Options options_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  const std::unique_ptr<grpc::health::v1::Health::Stub> health_;

  mutable Mutex mutex_;
  std::condition_variable_any idle_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool out_of_patience_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  int callbacks_ ABSL_GUARDED_BY(mutex_) = 0;  // that will still come
  Watch* watch_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::optional<grpc::Alarm> next_watch_ ABSL_GUARDED_BY(mutex_);
  std::optional<grpc::Alarm> patience_end_ ABSL_GUARDED_BY(mutex_);
  std::set<Waiter*> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::gateway
