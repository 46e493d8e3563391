#include "services/vmd/adapters/vmm_process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace fs = std::filesystem;
namespace {

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) return ErrnoError(errno, "create pipe");
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

bool IsOurs(const fs::path& process) {
  struct stat info {};
  return ::stat(process.c_str(), &info) == 0 && info.st_uid == ::geteuid();
}

bool HasLabel(const fs::path& process, const std::string& label) {
  const absl::StatusOr<std::string> cmdline = ReadFile(process / "cmdline", 1 << 20);
  if (!cmdline.ok()) return false;
  const std::vector<std::string> argv = absl::StrSplit(*cmdline, '\0');
  // It comes later while the VMM is being confined.
  for (std::size_t i = 1; i + 1 < argv.size(); ++i)
    if ((argv[i] == "-name" || argv[i] == "--id") && argv[i + 1] == label) return true;
  return false;
}

}  // namespace

std::string VmmLabel(const std::string& uid) { return absl::StrCat("banger-", uid); }

absl::StatusOr<StartedVmm> StartVmm(const VmmCommand& command) {
  BANGER_ASSIGN_OR_RETURN(auto pipe, MakePipe());
  Subprocess::Options options{.argv = ConfinedCommand(command.launcher, command.confined),
                              .env = std::vector<std::string>{"PATH=/usr/bin:/bin"},
                              .working_dir = command.working_dir,
                              .stdout_fd = command.stdout_fd,
                              .stderr_fd = pipe.second.get(),
                              .fds = command.fds,
                              .new_session = true};
  if (options.stdout_fd < 0) options.stdout_fd = pipe.second.get();
  BANGER_ASSIGN_OR_RETURN(Subprocess child, Subprocess::Start(options));
  return StartedVmm{std::move(child), std::move(pipe.first)};
}

std::string LastWords(int pipe) {
  std::string text(64 << 10, '\0');
  const ssize_t n = ::read(pipe, text.data(), text.size());
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::vector<std::string> lines = absl::StrSplit(absl::StripTrailingAsciiWhitespace(text), '\n');
  return lines.back();
}

absl::StatusOr<UniqueFd> FindVmmProcess(const std::string& uid) {
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->path().filename().string(), &pid) || !IsOurs(entry->path())) continue;
    const absl::StatusOr<ProcessIdentity> identity = IdentifyProcess(pid);
    if (!identity.ok() || !HasLabel(entry->path(), VmmLabel(uid))) continue;
    return OpenProcess(*identity);
  }
  if (error) return ErrnoError(error.value(), "read /proc");
  return absl::NotFoundError("no such VMM");
}

}  // namespace banger::vmd
