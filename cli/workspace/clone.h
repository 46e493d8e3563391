#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/workspace/index.h"
#include "cli/workspace/repository.h"
#include "common/os/temp_dir.h"

namespace banger::cli {

struct CloneOptions {
  std::string commit;
  std::string branch;  // empty: a detached HEAD
  bool full = false;   // else the last ten commits
};

// A repository's history in one of our own, as it will lie in a guest: with the real
// origin and who commits, and none else of the repository's configuration and hooks.
// refs/banger/base is what an export is the difference from. Gone with the object.
class Clone {
 public:
  // Its base is the commit, and so is its index.
  static absl::StatusOr<Clone> Make(const Repository& repository, const CloneOptions& options);

  // Its working tree; .git is in it, and at first nothing else.
  std::filesystem::path tree() const { return dir_.path() / "tree"; }
  // As git has submodules that are not there.
  std::filesystem::path empty_directory() const { return dir_.path() / "empty"; }

  // Makes the base the files `present` as they lie in `repository`, the untracked among
  // them. What is new in `index`, the repository's, is in the clone's then; what is
  // skipped there, here too.
  absl::Status RecordFiles(const Repository& repository, const Index& index,
                           const std::vector<std::string>& present);

  // Writes the commit's files into tree(); what they are.
  absl::StatusOr<Index> CheckOut();

  // A submodule that travels along, for the export.
  absl::Status AddSubmodule(const std::string& path);

 private:
  Clone(TempDir dir, std::string commit, std::stop_token stop)
      : dir_(std::move(dir)), commit_(std::move(commit)), stop_(std::move(stop)) {}
  Git GitOn(const std::filesystem::path& work_tree) const;
  absl::Status Fill(const Repository& repository, const CloneOptions& options);

  TempDir dir_;
  std::string commit_;
  std::stop_token stop_;
};

}  // namespace banger::cli
