#include "services/agent/adapters/guest_setup.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/image_finaliser.h"
#include "services/agent/adapters/supervisor.h"
#include "services/agent/core/image_settings.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

bool IsDnsLabel(const std::string& name) {
  const bool letters = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return letters && !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-';
}

absl::StatusOr<fs::path> RelativePath(const std::string& path) {
  const std::string absolute = absl::StartsWith(path, "~/") ? absl::StrCat("/root", path.substr(1)) : path;
  const std::vector<std::string> parts = absl::StrSplit(absl::StripPrefix(absolute, "/"), '/');
  const bool valid = absl::StartsWith(absolute, "/") && absolute.find('\0') == std::string::npos &&
                     std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
                       return !part.empty() && part != "." && part != "..";
                     });
  if (!valid)
    return absl::InvalidArgumentError(absl::StrCat("file path '", path, "' is not absolute and plain"));
  return fs::path(std::string(absl::StripPrefix(absolute, "/")));
}

}  // namespace

absl::Status SetHostname(const std::string& hostname, const std::string& address) {
  if (!IsDnsLabel(hostname))
    return absl::InvalidArgumentError(absl::StrCat("hostname '", hostname, "' is not a DNS label"));
  if (::sethostname(hostname.data(), hostname.size()) < 0) return ErrnoError(errno, "set the hostname");
  BANGER_RETURN_IF_ERROR(WriteGuestFile("/etc/hostname", absl::StrCat(hostname, "\n"), 0644));
  const absl::StatusOr<std::string> hosts = ReadFile("/etc/hosts");
  return WriteGuestFile("/etc/hosts", HostsFile(hosts.ok() ? *hosts : "", hostname, address), 0644);
}

absl::Status SetNameservers(const std::vector<std::string>& nameservers) {
  for (const std::string& server : nameservers) {
    char address[16];
    if (::inet_pton(AF_INET, server.c_str(), address) != 1 &&
        ::inet_pton(AF_INET6, server.c_str(), address) != 1)
      return absl::InvalidArgumentError(absl::StrCat("nameserver '", server, "' is not an address"));
  }
  return WriteGuestFile("/etc/resolv.conf", ResolvConf(nameservers), 0644);
}

absl::Status SetClock(std::chrono::system_clock::time_point time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
  timespec now{};
  now.tv_sec = seconds.count();
  now.tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count();
  if (::clock_settime(CLOCK_REALTIME, &now) < 0) return ErrnoError(errno, "set the clock");
  return absl::OkStatus();
}

absl::Status WriteGuestFile(const std::string& path, absl::string_view content, unsigned mode,
                            const fs::path& root) {
  BANGER_ASSIGN_OR_RETURN(const fs::path relative, RelativePath(path));
  const fs::path target = root / relative;
  BANGER_RETURN_IF_ERROR(MakeDirectories(target.parent_path(), 0755));
  return WriteFileAtomically(target, content, mode & 07777);
}

absl::Status PowerOff() {
  ::sync();
  // systemd's signal for poweroff.target needs no D-Bus; ours is busybox's.
  struct stat info {};
  const bool systemd = ::stat("/run/systemd/system", &info) == 0;
  if (::kill(1, systemd ? SIGRTMIN + 4 : kPowerOffSignal) < 0) return ErrnoError(errno, "signal PID 1");
  return absl::OkStatus();
}

}  // namespace banger::agent
