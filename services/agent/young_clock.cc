#include "services/agent/young_clock.h"

#include <grpc/support/time.h>

// gRPC's own hook; no public header has it.
extern gpr_timespec (*gpr_now_impl)(gpr_clock_type clock);

namespace banger::agent {
namespace {

const auto kNow = gpr_now_impl;

gpr_timespec Now(gpr_clock_type clock) {
  gpr_timespec now = kNow(clock);
  if (clock == GPR_CLOCK_MONOTONIC && now.tv_sec == 1) now.tv_sec = 0;
  return now;
}

}  // namespace

YoungClock::YoungClock() { gpr_now_impl = Now; }
YoungClock::~YoungClock() { gpr_now_impl = kNow; }

}  // namespace banger::agent
