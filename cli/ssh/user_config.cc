#include "cli/ssh/user_config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/ssh/options.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

constexpr char kBegin[] = "# >>> banger: made by 'banger ssh-config --install' >>>\n";
constexpr char kEnd[] = "# <<< banger <<<\n";

// Empty when there is none.
absl::StatusOr<std::string> ReadConfig(const fs::path& config) {
  absl::StatusOr<std::string> text = ReadFile(config);
  if (absl::IsNotFound(text.status())) return std::string();
  return text;
}

absl::Status Write(const fs::path& config, const std::string& text) {
  struct stat info {};
  const unsigned mode = ::stat(config.c_str(), &info) == 0 ? info.st_mode & 07777 : 0600;
  BANGER_RETURN_IF_ERROR(MakeDirectories(config.parent_path(), 0700));
  return WriteFileAtomically(config, text, mode);
}

}  // namespace

absl::StatusOr<fs::path> UserSshConfig() {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/')
    return absl::FailedPreconditionError("find ~/.ssh/config: HOME is not set");
  fs::path config = fs::path(home) / ".ssh/config";
  // By hand, as what the last link points to need not exist.
  std::error_code error;
  for (int links = 0; fs::is_symlink(fs::symlink_status(config, error)); ++links) {
    if (links == 40) return ErrnoError(ELOOP, absl::StrCat("follow '", config.string(), "'"));
    const fs::path target = fs::read_symlink(config, error);
    if (error) return ErrnoError(error.value(), absl::StrCat("follow '", config.string(), "'"));
    config = config.parent_path() / target;
  }
  return config;
}

absl::StatusOr<std::string> WithoutFence(absl::string_view text) {
  const std::size_t begin = text.find(kBegin);
  if (begin == absl::string_view::npos) return std::string(text);
  const std::size_t end = text.find(kEnd, begin);
  if (end == absl::string_view::npos)
    return absl::FailedPreconditionError("what banger put there has no end; remove it by hand");
  return absl::StrCat(text.substr(0, begin), text.substr(end + sizeof kEnd - 1));
}

absl::Status InstallInclude(const fs::path& config, const fs::path& included) {
  BANGER_ASSIGN_OR_RETURN(const std::string quoted, QuotePath(included));
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadConfig(config));
  absl::StatusOr<std::string> rest = WithoutFence(text);
  if (!rest.ok()) return Annotate(rest.status(), absl::StrCat("change '", config.string(), "'"));
  const std::string changed = absl::StrCat(kBegin, "Include ", quoted, "\n", kEnd, *rest);
  return changed == text ? absl::OkStatus() : Write(config, changed);
}

absl::StatusOr<bool> UninstallInclude(const fs::path& config) {
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadConfig(config));
  absl::StatusOr<std::string> rest = WithoutFence(text);
  if (!rest.ok()) return Annotate(rest.status(), absl::StrCat("change '", config.string(), "'"));
  if (*rest == text) return false;
  if (rest->empty()) {
    BANGER_RETURN_IF_ERROR(RemoveFileDurably(config));
  } else {
    BANGER_RETURN_IF_ERROR(Write(config, *rest));
  }
  return true;
}

}  // namespace banger::cli
