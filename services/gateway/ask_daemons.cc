#include "services/gateway/ask_daemons.h"

namespace banger::gateway {

void AnswersLeft::CountDown() {
  const MutexLock lock(mutex_);
  if (--left_ == 0) none_.notify_all();
}

void AnswersLeft::Wait() {
  MutexLock lock(mutex_);
  none_.wait(lock, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return left_ == 0; });
}

}  // namespace banger::gateway
