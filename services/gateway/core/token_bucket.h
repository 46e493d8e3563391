#pragma once

#include <algorithm>
#include <chrono>

namespace banger::gateway {

// Lets `burst` things happen at once and `per_second` in the long run.
class TokenBucket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  TokenBucket(double burst, double per_second) : burst_(burst), per_second_(per_second), tokens_(burst) {}

  // False when it is empty.
  bool Take(Time now) {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    if (seconds > 0) tokens_ = std::min(burst_, tokens_ + seconds * per_second_);
    last_ = std::max(last_, now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double burst_;
  double per_second_;
  double tokens_;
  Time last_{};
};

}  // namespace banger::gateway
