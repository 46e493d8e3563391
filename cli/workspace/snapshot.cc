#include "cli/workspace/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "common/tree/file_below.h"

namespace banger::cli {

absl::StatusOr<Snapshot> Snapshot::Take(const Repository& repository, const SnapshotOptions& options) {
  Snapshot snapshot;
  BANGER_ASSIGN_OR_RETURN(snapshot.commit_, repository.Commit(options.from.empty() ? "HEAD" : options.from));
  snapshot.branch_ = options.branch.empty() ? repository.branch() : options.branch;
  if (!options.branch.empty() &&
      repository.git().Ask({"check-ref-format", "--branch", options.branch}) != options.branch)
    return absl::InvalidArgumentError(absl::StrCat("'", options.branch, "' is no name of a branch"));
  snapshot.origin_ = repository.origin();
  BANGER_RETURN_IF_ERROR(snapshot.Add(repository, "", options, snapshot.commit_));
  return snapshot;
}

absl::Status Snapshot::Add(const Repository& repository, const std::string& prefix,
                           const SnapshotOptions& options, const std::string& commit) {
  BANGER_ASSIGN_OR_RETURN(Clone clone,
                          Clone::Make(repository, {.commit = commit,
                                                   .branch = prefix.empty() ? branch_ : repository.branch(),
                                                   .full = options.full}));
  Part part{.prefix = prefix, .clone = std::move(clone)};
  Index index;
  if (options.from.empty()) {
    BANGER_ASSIGN_OR_RETURN(index, repository.Tracked());
    BANGER_ASSIGN_OR_RETURN(part.files_root, OpenFile(repository.top(), O_PATH | O_DIRECTORY));
    BANGER_RETURN_IF_ERROR(ListPart(repository, index, options.include_untracked, part));
    BANGER_RETURN_IF_ERROR(part.clone.RecordFiles(repository, index, part.files));
  } else {
    // Another commit's files: nothing that lies here belongs to them.
    BANGER_ASSIGN_OR_RETURN(part.files_root, OpenFile(part.clone.tree(), O_PATH | O_DIRECTORY));
    BANGER_ASSIGN_OR_RETURN(index, part.clone.CheckOut());
    part.files = index.files;
  }
  BANGER_RETURN_IF_ERROR(AddSubmodules(repository, index, options, part));
  parts_.push_back(std::move(part));
  return absl::OkStatus();
}

absl::Status Snapshot::ListPart(const Repository& repository, const Index& index, bool include_untracked,
                                Part& part) {
  std::vector<std::string> paths = index.files;
  if (include_untracked) {
    BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> untracked, repository.Untracked());
    paths.insert(paths.end(), untracked.begin(), untracked.end());
  }
  for (std::string& path : paths) {
    if (absl::EndsWith(path, "/")) {
      warnings_.push_back(absl::StrCat("left out: '", part.prefix, path, "' is a repository of its own"));
      continue;
    }
    const absl::StatusOr<FileBelow> file = FindBelow(part.files_root.get(), path);
    // Deleted, or behind a link now: to git it is not there.
    if (absl::IsNotFound(file.status())) continue;
    BANGER_RETURN_IF_ERROR(file.status());
    if (S_ISREG(file->info.st_mode) || S_ISLNK(file->info.st_mode))
      part.files.push_back(std::move(path));
    else
      warnings_.push_back(absl::StrCat("left out: '", part.prefix, path, "' is no file"));
  }
  std::sort(part.files.begin(), part.files.end());
  return absl::OkStatus();
}

absl::Status Snapshot::AddSubmodules(const Repository& repository, const Index& index,
                                     const SnapshotOptions& options, Part& part) {
  for (const auto& [path, commit] : index.submodules) {
    const absl::StatusOr<Repository> submodule =
        options.full ? repository.OpenSubmodule(path)
                     : absl::StatusOr<Repository>(absl::NotFoundError(
                           absl::StrCat("submodule '", part.prefix, path, "' needs '--mode full'")));
    if (absl::IsNotFound(submodule.status())) {
      warnings_.push_back(absl::StrCat("left out: ", submodule.status().message()));
      part.left_out_submodules.push_back(path);
      continue;
    }
    BANGER_RETURN_IF_ERROR(submodule.status());
    BANGER_RETURN_IF_ERROR(part.clone.AddSubmodule(path));
    SnapshotOptions inner = options;
    if (!inner.from.empty()) inner.from = commit;
    BANGER_ASSIGN_OR_RETURN(const std::string begin,
                            submodule->Commit(inner.from.empty() ? "HEAD" : inner.from));
    BANGER_RETURN_IF_ERROR(Add(*submodule, absl::StrCat(part.prefix, path, "/"), inner, begin));
  }
  return absl::OkStatus();
}

std::vector<std::string> Snapshot::ListFiles() const {
  std::vector<std::string> all;
  for (const Part& part : parts_)
    for (const std::string& file : part.files) all.push_back(part.prefix + file);
  std::sort(all.begin(), all.end());
  return all;
}

std::string Snapshot::pinned_tools() const {
  // The repository itself comes after its submodules.
  const std::vector<std::string>& files = parts_.back().files;
  for (const char* name : {".mise.toml", "mise.toml", ".tool-versions"})
    if (std::binary_search(files.begin(), files.end(), name)) return name;
  return "";
}

absl::Status Snapshot::Pack(TreePacker& packer) const {
  for (const Part& part : parts_) {
    BANGER_RETURN_IF_ERROR(packer.Add(part.clone.tree() / ".git", part.prefix + ".git"));
    for (const std::string& path : part.left_out_submodules)
      BANGER_RETURN_IF_ERROR(packer.Add(part.clone.empty_directory(), part.prefix + path));
    for (const std::string& file : part.files) {
      const absl::Status added = packer.AddBelow(part.files_root.get(), file, part.prefix + file);
      // Deleted meanwhile.
      if (!added.ok() && !absl::IsNotFound(added)) return added;
    }
  }
  return absl::OkStatus();
}

}  // namespace banger::cli
