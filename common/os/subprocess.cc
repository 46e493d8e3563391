#include "common/os/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/os/exec_vector.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxOutput = 16 << 20;

// Descriptors moved out of the way of the child's numbers, so that no dup2
// overwrites one that a later dup2 still needs.
class RaisedFds {
 public:
  absl::StatusOr<int> Raise(int fd, int above) {
    UniqueFd raised(::fcntl(fd, F_DUPFD_CLOEXEC, above));
    if (!raised.valid()) return ErrnoError(errno, "duplicate descriptor");
    fds_.push_back(std::move(raised));
    return fds_.back().get();
  }

 private:
  std::vector<UniqueFd> fds_;
};

absl::Status AddDescriptors(const Subprocess::Options& options, posix_spawn_file_actions_t* actions,
                            RaisedFds& raised) {
  const int first_free = 3 + static_cast<int>(options.fds.size());
  std::vector<std::pair<int, int>> wanted;
  if (options.stdin_fd < 0) {
    posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
  } else {
    wanted.emplace_back(0, options.stdin_fd);
  }
  if (options.stdout_fd >= 0) wanted.emplace_back(1, options.stdout_fd);
  if (options.stderr_fd >= 0) wanted.emplace_back(2, options.stderr_fd);
  wanted.insert(wanted.end(), options.fds.begin(), options.fds.end());
  for (const auto& [child, ours] : wanted) {
    BANGER_ASSIGN_OR_RETURN(const int source, raised.Raise(ours, first_free));
    posix_spawn_file_actions_adddup2(actions, source, child);
  }
  posix_spawn_file_actions_addclosefrom_np(actions, first_free);
  return absl::OkStatus();
}

// Daemons block the signals that they wait for; a child starts with none
// blocked and all at their defaults.
void ResetSignals(posix_spawnattr_t* attributes, bool new_session) {
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setsigdefault(attributes, &all);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (new_session) flags |= POSIX_SPAWN_SETSID;
  posix_spawnattr_setflags(attributes, static_cast<short>(flags));
}

std::string LastLine(const std::string& text) {
  const absl::string_view stripped = absl::StripTrailingAsciiWhitespace(text);
  const std::size_t start = stripped.rfind('\n');
  return std::string(start == absl::string_view::npos ? stripped : stripped.substr(start + 1));
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

absl::Status ReadSome(UniqueFd& fd, std::string& into) {
  char buffer[16 << 10];
  const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
  if (n < 0 && errno != EINTR && errno != EAGAIN) return ErrnoError(errno, "read output");
  if (n == 0) fd.Reset();
  if (n > 0) into.append(buffer, static_cast<std::size_t>(n));
  if (into.size() > kMaxOutput) return absl::ResourceExhaustedError("the output is larger than 16 MiB");
  return absl::OkStatus();
}

void WriteSome(UniqueFd& fd, const std::string& input, std::size_t& done) {
  const ssize_t n = ::write(fd.get(), input.data() + done, input.size() - done);
  if (n > 0) done += static_cast<std::size_t>(n);
  const bool broken = n < 0 && errno != EINTR && errno != EAGAIN;
  if (broken || done == input.size()) fd.Reset();
}

// Moves bytes until both outputs are closed.
absl::Status Pump(UniqueFd in, UniqueFd out, UniqueFd err, const std::string& input, CommandResult& result,
                  const std::stop_token& stop) {
  std::size_t done = 0;
  if (input.empty()) in.Reset();
  while (out.valid() || err.valid()) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    pollfd fds[] = {{in.get(), POLLOUT, 0}, {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
    if (::poll(fds, 3, 50) < 0 && errno != EINTR) return ErrnoError(errno, "poll");
    if (in.valid() && fds[0].revents != 0) WriteSome(in, input, done);
    if (out.valid() && fds[1].revents != 0) BANGER_RETURN_IF_ERROR(ReadSome(out, result.out));
    if (err.valid() && fds[2].revents != 0) BANGER_RETURN_IF_ERROR(ReadSome(err, result.err));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ExitStatus::ToString() const {
  return signal != 0 ? absl::StrCat("signal ", signal) : absl::StrCat("exit code ", code);
}

absl::StatusOr<Subprocess> Subprocess::Start(const Options& options) {
  if (options.argv.empty()) return absl::InvalidArgumentError("start a program: no program given");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const absl::Cleanup destroy = [&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  };
  RaisedFds raised;
  BANGER_RETURN_IF_ERROR(AddDescriptors(options, &actions, raised));
  if (!options.working_dir.empty())
    posix_spawn_file_actions_addchdir_np(&actions, options.working_dir.c_str());
  ResetSignals(&attributes, options.new_session);

  const std::vector<char*> argv = ExecVector(options.argv);
  const std::vector<char*> env = options.env.has_value() ? ExecVector(*options.env) : std::vector<char*>();
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(),
                                   options.env.has_value() ? env.data() : environ);
  if (error != 0) return ErrnoError(error, absl::StrCat("start '", options.argv[0], "'"));
  // Not reaped yet, so the number is still that of our child.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  Subprocess child(pid, std::move(pidfd));
  if (!child.pidfd_.valid()) return ErrnoError(errno, absl::StrCat("open process ", pid));
  return child;
}

Subprocess::Subprocess(Subprocess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), pidfd_(std::move(other.pidfd_)) {}

Subprocess& Subprocess::operator=(Subprocess&& other) noexcept {
  if (this == &other) return *this;
  KillAndReap();
  pid_ = std::exchange(other.pid_, 0);
  pidfd_ = std::move(other.pidfd_);
  return *this;
}

Subprocess::~Subprocess() { KillAndReap(); }

absl::Status Subprocess::Signal(int signal) const { return SignalProcess(pidfd_.get(), signal); }

absl::StatusOr<ExitStatus> Subprocess::Wait(const std::stop_token& stop) {
  while (!stop.stop_requested() && !WaitForProcessEnd(pidfd_.get(), 1h, stop)) {
  }
  if (!WaitForProcessEnd(pidfd_.get(), 0ms)) {
    Signal(SIGTERM).IgnoreError();
    WaitForProcessEnd(pidfd_.get(), 2s);
    KillAndReap();
    return absl::CancelledError("stopped while the command ran");
  }
  return Reap();
}

UniqueFd Subprocess::Detach() {
  pid_ = 0;
  return std::move(pidfd_);
}

ExitStatus Subprocess::Reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status)};
}

void Subprocess::KillAndReap() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  Reap();
}

absl::StatusOr<CommandResult> RunCommand(Subprocess::Options options, const std::string& input,
                                         const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(Pipe in, MakePipe());
  BANGER_ASSIGN_OR_RETURN(Pipe out, MakePipe());
  BANGER_ASSIGN_OR_RETURN(Pipe err, MakePipe());
  // The other end belongs to the child alone, so this does not affect it.
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  options.stdin_fd = in.read.get();
  options.stdout_fd = out.write.get();
  options.stderr_fd = err.write.get();
  BANGER_ASSIGN_OR_RETURN(Subprocess child, Subprocess::Start(options));
  in.read.Reset();
  out.write.Reset();
  err.write.Reset();
  CommandResult result;
  const absl::Status pumped =
      Pump(std::move(in.write), std::move(out.read), std::move(err.read), input, result, stop);
  if (!pumped.ok()) return Annotate(pumped, absl::StrCat("run '", options.argv[0], "'"));
  BANGER_ASSIGN_OR_RETURN(result.status, child.Wait(stop));
  return result;
}

absl::StatusOr<std::string> RunCommandOk(Subprocess::Options options, const std::string& input,
                                         const std::stop_token& stop) {
  const std::string command = absl::StrJoin(options.argv, " ");
  BANGER_ASSIGN_OR_RETURN(CommandResult result, RunCommand(std::move(options), input, stop));
  if (result.status.success()) return std::move(result.out);
  return absl::InternalError(
      absl::StrCat("run '", command, "': ", result.status.ToString(), ": ", LastLine(result.err)));
}

absl::StatusOr<fs::path> FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) == 0) return fs::path(name);
    return ErrnoError(errno, absl::StrCat("find program '", name, "'"));
  }
  const char* path = std::getenv("PATH");
  const std::string dirs =
      path != nullptr ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string& dir : std::vector<std::string>(absl::StrSplit(dirs, ':', absl::SkipEmpty()))) {
    const fs::path candidate = fs::path(dir) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return absl::NotFoundError(absl::StrCat("program '", name, "' is not in PATH"));
}

}  // namespace banger
