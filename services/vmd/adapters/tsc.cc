#include "services/vmd/adapters/tsc.h"

#include <time.h>
#include <x86intrin.h>

#include <thread>

namespace banger::vmd {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kShortest = std::chrono::milliseconds(50);

// Not slewed by NTP.
nanoseconds RawNow() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

}  // namespace

TscClock::TscClock() : begin_ticks_(__rdtsc()), begin_(RawNow()) {}

std::int64_t TscClock::Khz() const {
  if (const nanoseconds elapsed = RawNow() - begin_; elapsed < kShortest)
    std::this_thread::sleep_for(kShortest - elapsed);
  const std::uint64_t ticks = __rdtsc() - begin_ticks_;
  const nanoseconds elapsed = RawNow() - begin_;
  return static_cast<std::int64_t>(static_cast<double>(ticks) * 1e6 / static_cast<double>(elapsed.count()));
}

}  // namespace banger::vmd
