#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/workspace/clone.h"
#include "cli/workspace/repository.h"
#include "common/os/unique_fd.h"
#include "common/tree/tree_packer.h"

namespace banger::cli {

// What of a repository is to travel.
struct SnapshotOptions {
  std::string branch;  // made where it arrives; empty: the current one
  std::string from;    // a commit to begin at, without local changes; empty: HEAD, with them
  bool full = false;   // all history, and the submodules
  bool include_untracked = false;
};

// A repository as it will be in a guest: its history in a clone, files as they lie
// here.
class Snapshot {
 public:
  // Writes nothing into the repository.
  static absl::StatusOr<Snapshot> Take(const Repository& repository, const SnapshotOptions& options);

  const std::string& commit() const { return commit_; }
  const std::string& branch() const { return branch_; }  // empty: a detached HEAD
  const std::string& origin() const { return origin_; }
  // The paths of the files that travel, submodules' among them; sorted.
  std::vector<std::string> ListFiles() const;
  // What stays here although one might expect otherwise.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // .mise.toml, mise.toml or .tool-versions, if the repository has one.
  std::string pinned_tools() const;

  absl::Status Pack(TreePacker& packer) const;

 private:
  // The repository itself, or a submodule.
  struct Part {
    std::string prefix;  // "lib/x/"
    Clone clone;
    UniqueFd files_root;
    std::vector<std::string> files;
    std::vector<std::string> left_out_submodules;  // paths in the part
  };

  Snapshot() = default;
  absl::Status Add(const Repository& repository, const std::string& prefix, const SnapshotOptions& options,
                   const std::string& commit);
  absl::Status ListPart(const Repository& repository, const Index& index, bool include_untracked, Part& part);
  absl::Status AddSubmodules(const Repository& repository, const Index& index, const SnapshotOptions& options,
                             Part& part);

  std::string commit_;
  std::string branch_;
  std::string origin_;
  std::vector<std::string> warnings_;
  std::vector<Part> parts_;
};

}  // namespace banger::cli
