// A command that exec runs: a process in a session of its own, with pipes or a
// pseudo-terminal.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/agent/core/environment.h"
#include "services/agent/core/user_database.h"

namespace banger::agent {

struct TerminalSize {
  unsigned rows = 24;
  unsigned columns = 80;
};

struct ExecOptions {
  std::vector<std::string> argv;  // empty: the user's login shell
  Environment env;
  std::string working_dir;  // empty: the user's home, or / where that is missing
  User user;
  bool tty = false;
  TerminalSize size;
};

// How it ended, as proto/banger/exec/v1 has it.
struct ExecResult {
  int exit_code = 0;
  int signal = 0;
};

// The destructor ends and reaps what still runs. Not thread-safe, but for Signal
// and Resize.
class ExecProcess {
 public:
  // INVALID_ARGUMENT or NOT_FOUND when the command cannot be set up. A program
  // that cannot be executed is no error: see exec_error.
  static absl::StatusOr<ExecProcess> Start(const ExecOptions& options);
  ExecProcess(ExecProcess&& other) noexcept;
  ExecProcess& operator=(ExecProcess&&) = delete;
  ~ExecProcess();

  pid_t pid() const { return pid_; }
  // Readable when it has ended.
  int pidfd() const { return pidfd_.get(); }

  // The errno of the program's execve, 0 when it runs.
  int exec_error() const { return exec_error_; }

  // Our non-blocking ends. With a terminal there is no error stream.
  UniqueFd& input() { return input_; }
  UniqueFd& output() { return output_; }
  UniqueFd& error() { return error_; }

  // To the process group; nothing when it is gone.
  void Signal(int signal) const;
  void Resize(const TerminalSize& size) const;

  // After the end.
  ExecResult Reap();
  // SIGHUP, and SIGKILL to all of its session soon after.
  void End();

 private:
  ExecProcess() = default;

  pid_t pid_ = 0;  // 0: nothing to reap
  bool tty_ = false;
  int exec_error_ = 0;
  UniqueFd pidfd_;
  UniqueFd input_;
  UniqueFd output_;
  UniqueFd error_;
  UniqueFd terminal_;
};

}  // namespace banger::agent
