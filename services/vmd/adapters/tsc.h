#pragma once

#include <chrono>
#include <cstdint>

namespace banger::vmd {

// Measures the rate of the host's time stamp counter, which an emulated guest
// sees as its own and cannot calibrate. The longer the object lives before it is
// asked, the more exact the answer. Thread-safe.
class TscClock {
 public:
  TscClock();

  // In kHz. Waits until at least 50 ms have been measured.
  std::int64_t Khz() const;

 private:
  std::uint64_t begin_ticks_;
  std::chrono::nanoseconds begin_;
};

}  // namespace banger::vmd
