#include "services/netd/egress_policy.h"

#include <utility>

#include "common/log/log.h"

namespace banger::netd {

void EgressPolicy::LetThrough(NameAnswer answer, std::function<void(bool)> done) {
  const MutexLock lock(mutex_);
  if (stopped_) return;
  waiting_.answers.push_back(std::move(answer));
  waiting_.done.push_back(std::move(done));
  changed_.notify_one();
}

void EgressPolicy::Stop() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void EgressPolicy::Run() {
  for (;;) {
    Waiting taken;
    {
      MutexLock lock(mutex_);
      while (!stopped_ && waiting_.answers.empty()) changed_.wait(lock);
      if (stopped_) return;
      std::swap(taken, waiting_);
    }
    LetThrough(taken);
  }
}

void EgressPolicy::LetThrough(const Waiting& waiting) {
  const absl::StatusOr<std::vector<bool>> may_be_sent = network_.LetThrough(waiting.answers);
  if (!may_be_sent.ok())
    log::Error("names' addresses not let through", {{"error", std::string(may_be_sent.status().message())}});
  for (std::size_t i = 0; i < waiting.done.size(); ++i)
    waiting.done[i](may_be_sent.ok() && (*may_be_sent)[i]);
}

}  // namespace banger::netd
