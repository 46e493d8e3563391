// A git repository of the user's, to be looked at.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/workspace/git.h"
#include "cli/workspace/index.h"

namespace banger::cli {

class Repository {
 public:
  // The one that `path` is in. FAILED_PRECONDITION when there is none, when it belongs
  // to somebody else, or when its .git leads to a repository that does not know of it:
  // whose files would travel then, a stranger decided.
  static absl::StatusOr<Repository> Open(const std::filesystem::path& path, const std::stop_token& stop);

  // A submodule of this one, at `path` in it; NOT_FOUND when it is not checked out.
  absl::StatusOr<Repository> OpenSubmodule(const std::string& path) const;

  const Git& git() const { return git_; }
  const std::filesystem::path& top() const { return git_.work_tree(); }
  // "banger", of /src/banger.
  std::string name() const { return top().filename().string(); }

  // The full id of a commit; `revision` as git has it.
  absl::StatusOr<std::string> Commit(const std::string& revision) const;
  // "main"; empty when HEAD is detached.
  std::string branch() const { return git_.Ask({"symbolic-ref", "--quiet", "--short", "HEAD"}); }
  // The remote origin's, without a password; may be empty.
  std::string origin() const;

  absl::StatusOr<Index> Tracked() const { return ReadIndex(git_); }
  // What git neither tracks nor ignores; "x/" is a repository of its own.
  absl::StatusOr<std::vector<std::string>> Untracked() const;

 private:
  explicit Repository(Git git) : git_(std::move(git)) {}

  Git git_;
};

// "https://user:token@host/x" to "https://host/x".
std::string WithoutPassword(const std::string& url);

}  // namespace banger::cli
