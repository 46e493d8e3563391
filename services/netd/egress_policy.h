#pragma once

#include <condition_variable>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/sync/mutex.h"
#include "services/netd/core/network.h"
#include "services/netd/dns/policy.h"

namespace banger::netd {

// The guests' egress policies hold for names as well. What an answer opens is
// opened on a thread of its own, as that takes the firewall some milliseconds;
// all answers that wait meanwhile are one change.
class EgressPolicy final : public dns::ResolverPolicy {
 public:
  // `network` must outlive it.
  explicit EgressPolicy(Network& network) : network_(network), thread_([this] { Run(); }) {}
  ~EgressPolicy() override { Stop(); }

  // Nothing is let through any more, and nobody called.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  NamePermission Permits(Ipv4 guest, const std::string& name) override {
    return network_.MayResolve(guest, name);
  }
  void LetThrough(NameAnswer answer, std::function<void(bool)> done) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiting {
    std::vector<NameAnswer> answers;
    std::vector<std::function<void(bool)>> done;  // one for each
  };
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  void LetThrough(const Waiting& waiting);

  Network& network_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  Waiting waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace banger::netd
