#pragma once

namespace banger::agent {

// gRPC counts time from the second before it is first used, and takes an epoch of 0
// for a clock that stands still: started in the second second after a boot it sleeps
// until the third (InitTime in its time.cc, 1.51). That is when guests come up under
// emulation. While this lives gRPC sees that second as the first one, which it takes.
// To be made before gRPC has threads.
class YoungClock {
 public:
  YoungClock();
  ~YoungClock();
  YoungClock(const YoungClock&) = delete;
  YoungClock& operator=(const YoungClock&) = delete;
};

}  // namespace banger::agent
