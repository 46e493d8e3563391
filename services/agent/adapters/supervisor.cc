#include "services/agent/adapters/supervisor.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "services/agent/core/guest_paths.h"

namespace banger::agent {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A serving agent that ends sooner is not started again before this.
constexpr auto kShortLife = 1s;
constexpr auto kTermGrace = 3s;

static_assert(kPowerOffSignal == SIGUSR2);

sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGUSR2}) sigaddset(&set, signal);
  return set;
}

pid_t StartAgent() {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execl(kAgentInGuest, "banger-agent", "--serve", nullptr);
  ::_exit(127);
}

bool ReapUntilNone(Clock::time_point deadline) {
  const timespec step{0, 20'000'000};
  const sigset_t signals = HandledSignals();
  while (Clock::now() < deadline) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return true;
    ::sigtimedwait(&signals, nullptr, &step);
  }
  return false;
}

// Last mounted first; what is busy becomes read-only, which is as good.
void UnmountAll() {
  std::ifstream mounts("/proc/mounts");
  std::vector<std::string> targets;
  for (std::string source, target, rest; mounts >> source >> target && std::getline(mounts, rest);)
    targets.push_back(target);
  for (auto target = targets.rbegin(); target != targets.rend(); ++target) {
    if (*target == "/proc" || *target == "/dev") continue;
    if (::umount(target->c_str()) < 0)
      ::mount(nullptr, target->c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
  }
}

// systemd's PID 1 becomes systemd-shutdown, which ends everybody, and waits 10 s
// for who does not go. Any other SIGTERM is a mistake.
bool SystemdShutsDown() {
  std::ifstream comm("/proc/1/comm");
  std::string name;
  return std::getline(comm, name) && name.rfind("systemd-shut", 0) == 0;
}

void HandleSignal(int signal) {
  if (signal == SIGTERM || signal == SIGUSR2) ShutDown(false);
  if (signal == SIGINT) ShutDown(true);
}

}  // namespace

void Supervise() {
  const sigset_t signals = HandledSignals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const bool is_init = ::getpid() == 1;
  if (is_init) ::reboot(RB_DISABLE_CAD);  // Ctrl-Alt-Del becomes SIGINT
  pid_t agent = StartAgent();
  Clock::time_point started = Clock::now();
  for (;;) {
    // Wakes on its own only while there is an agent to start.
    const timespec retry{0, 200'000'000};
    const int signal =
        agent > 0 ? ::sigwaitinfo(&signals, nullptr) : ::sigtimedwait(&signals, nullptr, &retry);
    if (is_init) HandleSignal(signal);
    if (!is_init && signal == SIGTERM && SystemdShutsDown()) ::_exit(0);
    for (pid_t ended; (ended = ::waitpid(-1, nullptr, WNOHANG)) > 0;) {
      if (ended == agent) agent = -1;
    }
    if (agent > 0 || Clock::now() - started < kShortLife) continue;
    log::Warn("the serving agent ended; starting it again");
    agent = StartAgent();
    started = Clock::now();
  }
}

void ShutDown(bool reboot) {
  ::sync();
  ::kill(-1, SIGTERM);
  ::kill(-1, SIGCONT);
  if (!ReapUntilNone(Clock::now() + kTermGrace)) {
    ::kill(-1, SIGKILL);
    ReapUntilNone(Clock::now() + kTermGrace);
  }
  ::sync();
  UnmountAll();
  ::sync();
  ::reboot(reboot ? RB_AUTOBOOT : RB_POWER_OFF);
  for (;;) ::pause();
}

}  // namespace banger::agent
