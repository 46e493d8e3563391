#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"

namespace banger::netd {

// A process that netd forks off while it has root's rights still, for one thing
// that netd itself, which guests and callers talk to, is to be unable to do. It
// answers questions over a socket pair and ends with netd, however that ends.
class HelperProcess {
 public:
  // Of any bytes; 64 MiB at most.
  using Message = std::vector<std::string>;

  struct Options {
    std::string name;  // as ps shows it; at most 15 bytes
    // In the helper, before anything else: gives up what it does not need.
    std::function<absl::Status()> confine;
    std::function<Message(const Message&)> serve;
    // In netd, once, when the helper has ended by itself. May be empty.
    std::function<void()> on_lost;
  };

  // An error of `confine` is ours.
  static absl::StatusOr<std::unique_ptr<HelperProcess>> Start(Options options);
  ~HelperProcess();

  // One question after the other; UNAVAILABLE when the helper has ended.
  // Thread-safe.
  absl::StatusOr<Message> Ask(const Message& question);

  pid_t pid() const { return pid_; }

 private:
  HelperProcess(Options options, pid_t pid, UniqueFd socket)
      : options_(std::move(options)), pid_(pid), socket_(std::move(socket)) {}

  const Options options_;
  const pid_t pid_;
  Mutex mutex_;
  UniqueFd socket_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::netd
