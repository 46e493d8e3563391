#include "cli/workspace/repository.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

absl::Status Refuse(const fs::path& path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("'", path.string(), "' ", why));
}

// As git itself: what belongs to others may lead git to run their programs.
absl::Status CheckOwner(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) < 0) return ErrnoError(errno, absl::StrCat("read '", path.string(), "'"));
  const char* sudo = std::getenv("SUDO_UID");
  uid_t before_sudo = 0;
  if (info.st_uid == ::geteuid()) return absl::OkStatus();
  if (::geteuid() == 0 && sudo != nullptr && absl::SimpleAtoi(sudo, &before_sudo) &&
      info.st_uid == before_sudo)
    return absl::OkStatus();
  return Refuse(path, "belongs to another user");
}

// What a .git file leads to.
absl::StatusOr<fs::path> ReadGitFile(const fs::path& file) {
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile(file, 4096));
  absl::string_view target = text;
  if (!absl::ConsumePrefix(&target, "gitdir: ")) return Refuse(file, "is no git repository");
  const fs::path path(std::string(absl::StripTrailingAsciiWhitespace(target)));
  std::error_code error;
  fs::path real = fs::canonical(file.parent_path() / path, error);
  return error ? Refuse(file, "leads nowhere") : absl::StatusOr<fs::path>(std::move(real));
}

// A worktree that `git worktree add` made is known to its repository.
absl::Status CheckWorktree(const fs::path& git_file, const fs::path& git_dir) {
  const absl::StatusOr<std::string> back = ReadFile(git_dir / "gitdir", 4096);
  const absl::StatusOr<std::string> common = ReadFile(git_dir / "commondir", 4096);
  const bool knows = back.ok() && absl::StripTrailingAsciiWhitespace(*back) == git_file.string();
  // It is one of the repository's own worktrees, not one that borrows another's commits.
  const bool plain = common.ok() && absl::StripTrailingAsciiWhitespace(*common) == "../.." &&
                     git_dir.parent_path().filename() == "worktrees" &&
                     !fs::exists(git_dir.parent_path().parent_path() / "commondir");
  if (knows && plain) return CheckOwner(git_dir);
  return Refuse(git_file, "leads to a repository that does not know of it; of a submodule, take the whole");
}

// A branch that is a link into another repository would name a commit of that one.
absl::Status CheckRefs(const fs::path& git_dir) {
  std::error_code error;
  for (const char* name : {"HEAD", "packed-refs", "refs"})
    if (fs::is_symlink(fs::symlink_status(git_dir / name, error))) return Refuse(git_dir / name, "is a link");
  for (const auto& entry : fs::recursive_directory_iterator(git_dir / "refs", error))
    if (entry.is_symlink()) return Refuse(entry.path(), "is a link");
  return absl::OkStatus();
}

absl::StatusOr<fs::path> GitDirOf(const fs::path& dot_git) {
  BANGER_RETURN_IF_ERROR(CheckOwner(dot_git));
  std::error_code error;
  const fs::file_type type = fs::symlink_status(dot_git, error).type();
  if (type == fs::file_type::regular) {
    BANGER_ASSIGN_OR_RETURN(fs::path git_dir, ReadGitFile(dot_git));
    BANGER_RETURN_IF_ERROR(CheckWorktree(dot_git, git_dir));
    BANGER_RETURN_IF_ERROR(CheckRefs(git_dir.parent_path().parent_path()));
    return git_dir;
  }
  if (type != fs::file_type::directory) return Refuse(dot_git, "is neither a directory nor a file");
  if (fs::exists(fs::symlink_status(dot_git / "commondir", error)))
    return Refuse(dot_git, "takes its commits from another repository");
  BANGER_RETURN_IF_ERROR(CheckRefs(dot_git));
  return dot_git;
}

}  // namespace

absl::StatusOr<Repository> Repository::Open(const fs::path& path, const std::stop_token& stop) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) return ErrnoError(error.value(), absl::StrCat("read '", path.string(), "'"));
  for (fs::path top = real;; top = top.parent_path()) {
    const fs::path dot_git = top / ".git";
    if (fs::exists(fs::symlink_status(dot_git, error))) {
      BANGER_ASSIGN_OR_RETURN(const fs::path git_dir, GitDirOf(dot_git));
      return Repository(Git(Git::Kind::kUsers, git_dir, top, stop));
    }
    if (top == top.root_path()) return Refuse(path, "is in no git repository");
  }
}

absl::StatusOr<Repository> Repository::OpenSubmodule(const std::string& path) const {
  const fs::path top = this->top() / path;
  std::error_code error;
  if (!fs::exists(fs::symlink_status(top / ".git", error)) || fs::canonical(top, error) != top || error)
    return absl::NotFoundError(absl::StrCat("submodule '", path, "' is not checked out"));
  if (fs::is_directory(fs::symlink_status(top / ".git", error))) {
    BANGER_ASSIGN_OR_RETURN(const fs::path git_dir, GitDirOf(top / ".git"));
    return Repository(Git(Git::Kind::kUsers, git_dir, top, git_.stop()));
  }
  BANGER_ASSIGN_OR_RETURN(const fs::path git_dir, ReadGitFile(top / ".git"));
  // Where git keeps those of this repository.
  if (!absl::StartsWith(git_dir.string(), fs::canonical(git_.git_dir(), error).string() + "/modules/"))
    return Refuse(top, "is no submodule of this repository");
  BANGER_RETURN_IF_ERROR(CheckOwner(git_dir));
  BANGER_RETURN_IF_ERROR(CheckRefs(git_dir));
  return Repository(Git(Git::Kind::kUsers, git_dir, top, git_.stop()));
}

absl::StatusOr<std::string> Repository::Commit(const std::string& revision) const {
  const absl::StatusOr<std::string> commit =
      git_.Run({"rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"});
  if (absl::IsCancelled(commit.status())) return commit.status();
  if (commit.ok()) return std::string(absl::StripTrailingAsciiWhitespace(*commit));
  return Refuse(top(),
                revision == "HEAD" ? "has no commit yet" : absl::StrCat("has no commit '", revision, "'"));
}

std::string Repository::origin() const {
  return WithoutPassword(git_.Ask({"config", "--local", "--get", "remote.origin.url"}));
}

absl::StatusOr<std::vector<std::string>> Repository::Untracked() const {
  BANGER_ASSIGN_OR_RETURN(const std::string others,
                          git_.Run({"ls-files", "--others", "--exclude-standard", "-z"}));
  return absl::StrSplit(others, '\0', absl::SkipEmpty());
}

std::string WithoutPassword(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (!absl::StartsWith(url, "http") || scheme == std::string::npos) return url;
  const std::size_t host = scheme + 3;
  const std::size_t path = url.find('/', host);
  const std::size_t at = url.rfind('@', path == std::string::npos ? path : path - 1);
  if (at == std::string::npos || at < host) return url;
  return url.substr(0, host) + url.substr(at + 1);
}

}  // namespace banger::cli
