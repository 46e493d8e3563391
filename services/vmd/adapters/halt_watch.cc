#include "services/vmd/adapters/halt_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "services/vmd/adapters/console_log.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;

// A guest that floods its console makes us look no more often.
constexpr std::chrono::milliseconds kInterval = 100ms;

// False when stopped.
bool Wait(int fd, int stopped, std::chrono::milliseconds timeout) {
  pollfd fds[] = {{stopped, POLLIN, 0}, {fd, POLLIN, 0}};
  ::poll(fds, 2, static_cast<int>(timeout.count()));
  return fds[0].revents == 0;
}

void Drain(int fd) {
  char events[4096];
  while (::read(fd, events, sizeof events) > 0) continue;
}

}  // namespace

LastWord ReadLastWord(const std::filesystem::path& console_log, std::int64_t begin) {
  const std::string line = LastConsoleLine(console_log, begin);
  if (absl::StrContains(line, "reboot: Restarting system")) return LastWord::kRestarting;
  for (const char* words : {"reboot: Power down", "reboot: System halted", "reboot: Power off not available"})
    if (absl::StrContains(line, words)) return LastWord::kHalted;
  return LastWord::kNone;
}

absl::StatusOr<std::unique_ptr<HaltWatch>> HaltWatch::Start(const std::filesystem::path& console_log,
                                                            std::int64_t begin,
                                                            std::function<void()> on_halt) {
  UniqueFd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  UniqueFd stopped(::eventfd(0, EFD_CLOEXEC));
  if (!stopped.valid()) return ErrnoError(errno, absl::StrCat("watch '", console_log.string(), "'"));
  // A user has but so many of them; without one it is looked at now and then.
  if (!changes.valid() || ::inotify_add_watch(changes.get(), console_log.c_str(), IN_MODIFY) < 0)
    changes.Reset();
  const std::chrono::milliseconds patience = changes.valid() ? std::chrono::milliseconds(1h) : 1s;
  std::unique_ptr<HaltWatch> watch(new HaltWatch());
  watch->thread_ =
      std::jthread([console_log, begin, patience, on_halt = std::move(on_halt), changes = std::move(changes),
                    stopped = std::move(stopped)](const std::stop_token& stop) {
        const std::stop_callback wake(stop, [&stopped] { ::eventfd_write(stopped.get(), 1); });
        do {
          Drain(changes.get());
          if (ReadLastWord(console_log, begin) == LastWord::kHalted) return on_halt();
        } while (Wait(-1, stopped.get(), kInterval) && Wait(changes.get(), stopped.get(), patience));
      });
  return watch;
}

}  // namespace banger::vmd
