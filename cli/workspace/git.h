// The git program on a repository that may be hostile: no hook, no monitor, no pager,
// no filter and no transport of the repository's choice runs, and nothing is asked on
// the terminal.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace banger::cli {

class Git {
 public:
  // Whose configuration counts besides the repository's own.
  enum class Kind {
    // The user's too, such as what to ignore. Nothing is fetched, whatever is missing.
    kUsers,
    // Nobody's: it is of our making. It may fetch from paths.
    kOurs,
  };

  // `git_dir` holds the repository, `work_tree` its files, whatever its own
  // configuration says.
  Git(Kind kind, std::filesystem::path git_dir, std::filesystem::path work_tree, std::stop_token stop)
      : kind_(kind), git_dir_(std::move(git_dir)), work_tree_(std::move(work_tree)), stop_(std::move(stop)) {}

  // git ARGS...: what it printed. FAILED_PRECONDITION with its own words when it
  // failed or is not here. At most 16 MiB each way.
  absl::StatusOr<std::string> Run(std::vector<std::string> arguments, const std::string& input = {}) const;

  // The same, as one line without its end; empty when git failed.
  std::string Ask(std::vector<std::string> arguments) const;

  const std::filesystem::path& git_dir() const { return git_dir_; }
  const std::filesystem::path& work_tree() const { return work_tree_; }
  const std::stop_token& stop() const { return stop_; }

 private:
  Kind kind_;
  std::filesystem::path git_dir_;
  std::filesystem::path work_tree_;
  std::stop_token stop_;
};

// What git says went wrong, out of all that it said: one line.
std::string GitComplaint(const std::string& err);

}  // namespace banger::cli
