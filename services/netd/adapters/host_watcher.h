#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/netd/core/ip_address.h"

namespace banger::netd {

// Tells when the host's routes of some families or its packet filter have changed, at
// whosever hands (also our own), and from time to time in any case.
class HostWatcher {
 public:
  struct Callbacks {
    // Soon after changes; once for those that come close together.
    std::function<void()> on_change;
    // About once in `period`.
    std::function<void()> on_time;
  };
  static absl::StatusOr<std::unique_ptr<HostWatcher>> Start(const std::vector<Family>& families,
                                                            Callbacks callbacks,
                                                            std::chrono::milliseconds period);
  // Returns when no callback runs any more.
  ~HostWatcher();

 private:
  HostWatcher(Callbacks callbacks, std::chrono::milliseconds period, UniqueFd routes, UniqueFd filter,
              UniqueFd wake);
  void Run();

  const Callbacks callbacks_;
  const std::chrono::milliseconds period_;
  const UniqueFd routes_;
  const UniqueFd filter_;
  const UniqueFd wake_;  // readable once we end
  std::thread thread_;
};

}  // namespace banger::netd
