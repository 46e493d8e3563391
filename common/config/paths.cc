#include "common/config/paths.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/config/system_paths.h"
#include "common/status/status_macros.h"

namespace banger {
namespace fs = std::filesystem;
namespace {

std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Paths RootedPaths(const fs::path& root) {
  return {.config_files = {root / "config.toml"},
          .state_dir = root / "state",
          .cache_dir = root / "cache",
          .run_dir = root / "run",
          .netd_run_dir = root / "netd"};
}

fs::path XdgDir(const char* variable, const fs::path& fallback) {
  const std::string value = Env(variable);
  // The specification has relative values ignored.
  return value.starts_with('/') ? fs::path(value) : fallback;
}

absl::StatusOr<Paths> UserPaths() {
  const fs::path home = Env("HOME");
  if (!home.is_absolute())
    return absl::FailedPreconditionError("find banger's directories: neither HOME nor BANGER_ROOT is set");
  const fs::path state = XdgDir("XDG_STATE_HOME", home / ".local/state") / "banger";
  return Paths{.config_files = {"/etc/banger/config.toml",
                                XdgDir("XDG_CONFIG_HOME", home / ".config") / "banger/config.toml"},
               .state_dir = state,
               .cache_dir = XdgDir("XDG_CACHE_HOME", home / ".cache") / "banger",
               // Without a session's directory: below state, which is nobody else's.
               .run_dir = XdgDir("XDG_RUNTIME_DIR", state / "run") / "banger",
               .netd_run_dir = "/run/banger-netd"};
}

bool IsSystemUser() {
  if (::geteuid() == 0) return true;
  const passwd* user = ::getpwuid(::geteuid());
  return user != nullptr && std::string(user->pw_name) == "banger";
}

}  // namespace

Paths SystemPaths() {
  return {.config_files = {"/etc/banger/config.toml"},
          .state_dir = "/var/lib/banger",
          .cache_dir = "/var/cache/banger",
          .run_dir = "/run/banger",
          .netd_run_dir = "/run/banger-netd"};
}

fs::path Paths::Socket(const std::string& daemon) const {
  return (daemon == "netd" ? netd_run_dir : run_dir) / absl::StrCat(daemon, ".sock");
}

absl::StatusOr<Paths> FindPaths() {
  const std::string root = Env("BANGER_ROOT");
  if (!root.empty()) {
    if (!root.starts_with('/'))
      return absl::InvalidArgumentError(absl::StrCat("BANGER_ROOT '", root, "' is not an absolute path"));
    return RootedPaths(root);
  }
  return IsSystemUser() ? SystemPaths() : UserPaths();
}

absl::StatusOr<fs::path> FindClientDir() {
  if (!Env("BANGER_ROOT").empty()) {
    BANGER_ASSIGN_OR_RETURN(const Paths rooted, FindPaths());
    return rooted.state_dir.parent_path() / "client";
  }
  BANGER_ASSIGN_OR_RETURN(const Paths user, UserPaths());
  return user.state_dir;
}

absl::StatusOr<fs::path> FindGatewaySocket() {
  const std::string socket = Env("BANGER_SOCKET");
  if (!socket.empty()) return fs::path(socket);
  BANGER_ASSIGN_OR_RETURN(const Paths paths, FindPaths());
  std::error_code error;
  const fs::path own = paths.Socket("gateway");
  const fs::path system = SystemPaths().Socket("gateway");
  if (Env("BANGER_ROOT").empty() && !fs::exists(own, error) && fs::exists(system, error)) return system;
  return own;
}

}  // namespace banger
