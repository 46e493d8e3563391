#include "services/agent/adapters/exec_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/exec_vector.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

// What the child tells before it becomes the program.
struct Report {
  enum Step : int { kSetUp, kWorkingDir, kExec } step;
  int error;
};

// All that the child needs, made before the fork: after it, only calls that are
// safe in a signal handler are allowed.
struct Plan {
  std::vector<std::string> candidates;
  std::vector<char*> argv;
  std::vector<char*> shell_argv;  // for scripts without #!; [1] is set late
  std::vector<char*> env;
  const char* working_dir = nullptr;
  const User* user = nullptr;
  bool tty = false;
  int stdio[3] = {-1, -1, -1};
  int report = -1;
};

[[noreturn]] void Fail(const Plan& plan, Report::Step step) {
  const Report report{step, errno};
  [[maybe_unused]] const ssize_t n = ::write(plan.report, &report, sizeof report);
  ::_exit(127);
}

void ResetSignals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// The agent is exempt from the OOM killer; its commands are not.
void BecomeKillable() {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t n = ::write(fd, "0", 1);
  ::close(fd);
}

// By the bare system calls: the C library's would have all threads join in, and
// wait for those that did not survive the fork.
void BecomeUser(const Plan& plan) {
  const User& user = *plan.user;
  if (::getuid() == 0 && ::syscall(SYS_setgroups, user.supplementary.size(), user.supplementary.data()) < 0)
    Fail(plan, Report::kSetUp);
  if (::syscall(SYS_setresgid, user.gid, user.gid, user.gid) < 0 ||
      ::syscall(SYS_setresuid, user.uid, user.uid, user.uid) < 0)
    Fail(plan, Report::kSetUp);
}

bool IsElf(const char* path) {
  char magic[4] = {};
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool elf = ::read(fd, magic, sizeof magic) == sizeof magic && magic[0] == 0x7f && magic[1] == 'E' &&
                   magic[2] == 'L' && magic[3] == 'F';
  ::close(fd);
  return elf;
}

void ExecuteOne(Plan& plan, const std::string& program) {
  ::execve(program.c_str(), plan.argv.data(), plan.env.data());
  if (errno != ENOEXEC) return;
  plan.shell_argv[1] = const_cast<char*>(program.c_str());
  if (!IsElf(program.c_str())) ::execve("/bin/sh", plan.shell_argv.data(), plan.env.data());
  errno = ENOEXEC;
}

[[noreturn]] void RunChild(Plan& plan) {
  ResetSignals();
  ::setsid();
  if (plan.tty && ::ioctl(plan.stdio[0], TIOCSCTTY, 0) < 0) Fail(plan, Report::kSetUp);
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(plan.stdio[fd], fd) < 0) Fail(plan, Report::kSetUp);
  }
  ::syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
  BecomeKillable();
  BecomeUser(plan);
  ::umask(022);
  if (::chdir(plan.working_dir) < 0) Fail(plan, Report::kWorkingDir);
  int error = ENOENT;
  for (const std::string& program : plan.candidates) {
    ExecuteOne(plan, program);
    // The first that is there but cannot be executed is worth more than "not found".
    if (errno != ENOENT && errno != ENOTDIR && error == ENOENT) error = errno;
  }
  errno = error;
  Fail(plan, Report::kExec);
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) return ErrnoError(errno, "create pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

winsize ToWinsize(const TerminalSize& size) {
  winsize window{};
  window.ws_row = static_cast<unsigned short>(size.rows);
  window.ws_col = static_cast<unsigned short>(size.columns);
  return window;
}

struct Terminal {
  UniqueFd master;
  UniqueFd slave;
};

absl::StatusOr<Terminal> OpenTerminal(const TerminalSize& size, const User& user) {
  int master = -1;
  int slave = -1;
  const winsize window = ToWinsize(size);
  if (::openpty(&master, &slave, nullptr, nullptr, &window) < 0)
    return ErrnoError(errno, "open a pseudo-terminal");
  Terminal terminal{UniqueFd(master), UniqueFd(slave)};
  for (const int fd : {master, slave}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (::fchown(slave, user.uid, static_cast<gid_t>(-1)) < 0)
    return ErrnoError(errno, "give the pseudo-terminal to the user");
  return terminal;
}

absl::StatusOr<UniqueFd> Duplicate(const UniqueFd& fd) {
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return ErrnoError(errno, "duplicate descriptor");
  return copy;
}

// Each process of the session: background jobs have groups of their own.
std::vector<pid_t> SessionMembers(pid_t session) {
  std::vector<pid_t> members;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    const absl::StatusOr<std::string> stat = ReadFile(entry.path() / "stat", 4096);
    if (!stat.ok()) continue;
    // "pid (name) state ppid pgrp session ...", where the name may have anything in it.
    const std::vector<std::string> fields =
        absl::StrSplit(stat->substr(stat->rfind(')') + 1), ' ', absl::SkipEmpty());
    if (fields.size() > 3 && fields[3] == absl::StrCat(session)) members.push_back(pid);
  }
  return members;
}

std::string WorkingDir(const ExecOptions& options) {
  if (!options.working_dir.empty()) return options.working_dir;
  struct stat info {};
  const bool exists = ::stat(options.user.home.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  return exists ? options.user.home : "/";
}

absl::Status CheckOptions(const ExecOptions& options) {
  if (!options.working_dir.empty() && options.working_dir[0] != '/')
    return absl::InvalidArgumentError(
        absl::StrCat("working directory '", options.working_dir, "' is not absolute"));
  for (const std::string& argument : options.argv) {
    if (argument.find('\0') != std::string::npos)
      return absl::InvalidArgumentError("an argument has a zero byte in it");
  }
  if (!options.argv.empty() && options.argv[0].empty())
    return absl::InvalidArgumentError("the program's name is empty");
  return CheckEnvironment(options.env);
}

}  // namespace

absl::StatusOr<ExecProcess> ExecProcess::Start(const ExecOptions& options) {
  BANGER_RETURN_IF_ERROR(CheckOptions(options));
  const bool login = options.argv.empty();
  const std::vector<std::string> argv =
      login ? std::vector<std::string>{LoginName(options.user.shell)} : options.argv;
  const std::string working_dir = WorkingDir(options);

  Plan plan;
  plan.candidates = login ? std::vector<std::string>{options.user.shell}
                          : ProgramCandidates(argv[0], Lookup(options.env, "PATH"));
  plan.argv = ExecVector(argv);
  plan.shell_argv = plan.argv;
  plan.shell_argv.insert(plan.shell_argv.begin(), const_cast<char*>("/bin/sh"));
  plan.env = ExecVector(options.env);
  plan.working_dir = working_dir.c_str();
  plan.user = &options.user;
  plan.tty = options.tty;

  ExecProcess process;
  process.tty_ = options.tty;
  Terminal terminal;
  Pipe in, out, err;
  if (options.tty) {
    BANGER_ASSIGN_OR_RETURN(terminal, OpenTerminal(options.size, options.user));
    for (int& fd : plan.stdio) fd = terminal.slave.get();
    BANGER_ASSIGN_OR_RETURN(process.input_, Duplicate(terminal.master));
    BANGER_ASSIGN_OR_RETURN(process.output_, Duplicate(terminal.master));
    process.terminal_ = std::move(terminal.master);
  } else {
    BANGER_ASSIGN_OR_RETURN(in, MakePipe());
    BANGER_ASSIGN_OR_RETURN(out, MakePipe());
    BANGER_ASSIGN_OR_RETURN(err, MakePipe());
    plan.stdio[0] = in.read.get();
    plan.stdio[1] = out.write.get();
    plan.stdio[2] = err.write.get();
    process.input_ = std::move(in.write);
    process.output_ = std::move(out.read);
    process.error_ = std::move(err.read);
  }
  for (const UniqueFd* fd : {&process.input_, &process.output_, &process.error_})
    if (fd->valid()) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);

  BANGER_ASSIGN_OR_RETURN(Pipe report, MakePipe());
  plan.report = report.write.get();
  process.pid_ = ::_Fork();
  if (process.pid_ == 0) RunChild(plan);
  if (process.pid_ < 0) {
    process.pid_ = 0;
    return ErrnoError(errno, "fork");
  }
  report.write.Reset();
  process.pidfd_.Reset(static_cast<int>(::syscall(SYS_pidfd_open, process.pid_, 0)));
  Report failed{};
  if (::read(report.read.get(), &failed, sizeof failed) == sizeof failed) {
    process.Reap();
    if (failed.step == Report::kSetUp) return ErrnoError(failed.error, "set up the command");
    if (failed.step == Report::kWorkingDir)
      return ErrnoError(failed.error, absl::StrCat("enter working directory '", working_dir, "'"));
    process.exec_error_ = failed.error;
  }
  return process;
}

ExecProcess::ExecProcess(ExecProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      tty_(other.tty_),
      exec_error_(other.exec_error_),
      pidfd_(std::move(other.pidfd_)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      error_(std::move(other.error_)),
      terminal_(std::move(other.terminal_)) {}

ExecProcess::~ExecProcess() { End(); }

void ExecProcess::Signal(int signal) const {
  if (pid_ > 0) ::kill(-pid_, signal);
}

void ExecProcess::Resize(const TerminalSize& size) const {
  const winsize window = ToWinsize(size);
  if (terminal_.valid()) ::ioctl(terminal_.get(), TIOCSWINSZ, &window);
}

ExecResult ExecProcess::Reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  if (WIFSIGNALED(status)) return {.exit_code = 128 + WTERMSIG(status), .signal = WTERMSIG(status)};
  return {.exit_code = WEXITSTATUS(status), .signal = 0};
}

void ExecProcess::End() {
  if (pid_ == 0) return;
  Signal(SIGHUP);
  Signal(SIGCONT);
  WaitForProcessEnd(pidfd_.get(), 500ms);
  // The leader is not reaped yet, so its session cannot be somebody else's.
  for (int round = 0; round < 10; ++round) {
    bool running = false;
    for (const pid_t pid : SessionMembers(pid_)) running |= ::kill(pid, SIGKILL) == 0 && pid != pid_;
    if (!running) break;
  }
  Reap();
}

}  // namespace banger::agent
