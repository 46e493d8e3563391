// Child processes: an argument vector, never a shell line.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger {

// How a process ended.
struct ExitStatus {
  int code = 0;    // when it exited by itself
  int signal = 0;  // the signal that ended it, else 0

  bool success() const { return code == 0 && signal == 0; }
  // "exit code 3", "signal 9".
  std::string ToString() const;
};

// A child process. The destructor kills and reaps it, unless it was detached or
// has been waited for. Not thread-safe.
class Subprocess {
 public:
  struct Options {
    // argv[0] is looked up in PATH when it has no slash.
    std::vector<std::string> argv;
    // "KEY=value"; unset inherits ours.
    std::optional<std::vector<std::string>> env;
    std::filesystem::path working_dir;
    // Descriptors of ours to become 0, 1 and 2; -1 is /dev/null for 0 and
    // inheritance for 1 and 2.
    int stdin_fd = -1;
    int stdout_fd = -1;
    int stderr_fd = -1;
    // Further descriptors {number in the child (from 3 on, without gaps), ours}.
    // No other one reaches the child.
    std::vector<std::pair<int, int>> fds;
    // Its own session: signals to our terminal or group do not reach it.
    bool new_session = false;
  };

  static absl::StatusOr<Subprocess> Start(const Options& options);

  Subprocess(Subprocess&& other) noexcept;
  Subprocess& operator=(Subprocess&& other) noexcept;
  ~Subprocess();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }

  absl::Status Signal(int signal) const;

  // Waits for the end and reaps. When stopped: SIGTERM, SIGKILL after two
  // seconds, and CANCELLED.
  absl::StatusOr<ExitStatus> Wait(const std::stop_token& stop = {});

  // Lets it outlive us; the pidfd stays usable through the returned object.
  UniqueFd Detach();

 private:
  Subprocess(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  ExitStatus Reap();
  void KillAndReap();

  pid_t pid_ = 0;  // 0: nothing to reap
  UniqueFd pidfd_;
};

struct CommandResult {
  ExitStatus status;
  std::string out;
  std::string err;
};

// Runs a command to its end, feeds it `input` and collects what it prints (at
// most 16 MiB each, then RESOURCE_EXHAUSTED). A failure of the command itself is
// a result, not an error. stdin_fd, stdout_fd and stderr_fd are ignored.
absl::StatusOr<CommandResult> RunCommand(Subprocess::Options options, const std::string& input = {},
                                         const std::stop_token& stop = {});

// The same, where anything but exit code 0 is an INTERNAL error that names the
// command and has the last line of what it said. Gives its stdout.
absl::StatusOr<std::string> RunCommandOk(Subprocess::Options options, const std::string& input = {},
                                         const std::stop_token& stop = {});

// The path of an executable in PATH; NOT_FOUND when there is none. Given a path
// with a slash, checks that one.
absl::StatusOr<std::filesystem::path> FindProgram(const std::string& name);

}  // namespace banger
