#include "cli/workspace/clone.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

constexpr char kDepth[] = "--depth=10";
constexpr char kBase[] = "refs/banger/base";

using Paths = std::vector<std::string>;

// Both are sorted, and so is what comes.
Paths Without(const Paths& all, const Paths& some) {
  Paths rest;
  std::set_difference(all.begin(), all.end(), some.begin(), some.end(), std::back_inserter(rest));
  return rest;
}

Paths Common(const Paths& a, const Paths& b) {
  Paths both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

absl::Status UpdateIndex(const Git& git, Paths flags, const Paths& paths) {
  if (paths.empty()) return absl::OkStatus();
  flags.insert(flags.begin(), "update-index");
  flags.insert(flags.end(), {"-z", "--stdin"});
  return git
      .Run(std::move(flags),
           absl::StrCat(absl::StrJoin(paths, absl::string_view("\0", 1)), absl::string_view("\0", 1)))
      .status();
}

// Who commits in the repository, if that says so itself.
absl::Status CopyIdentity(const Git& from, const Git& to) {
  for (const char* key : {"user.name", "user.email"}) {
    const std::string value = from.Ask({"config", "--local", "--get", key});
    if (!value.empty()) BANGER_RETURN_IF_ERROR(to.Run({"config", key, value}).status());
  }
  return absl::OkStatus();
}

bool IsPartial(const Git& git) {
  return !git.Ask({"config", "--local", "--get-regexp", "^remote\\..*\\.promisor$"}).empty();
}

absl::Status PartialClone(const absl::Status& fetched) {
  return absl::FailedPreconditionError(
      absl::StrCat("a partial clone that lacks files of its commits cannot travel: 'git fetch --refetch "
                   "--filter=blob:limit=1g' gets them (",
                   fetched.message(), ")"));
}

}  // namespace

Git Clone::GitOn(const fs::path& work_tree) const {
  return {Git::Kind::kOurs, tree() / ".git", work_tree, stop_};
}

absl::StatusOr<Clone> Clone::Make(const Repository& repository, const CloneOptions& options) {
  BANGER_ASSIGN_OR_RETURN(TempDir dir, TempDir::Create());
  Clone clone(std::move(dir), options.commit, repository.git().stop());
  BANGER_RETURN_IF_ERROR(clone.Fill(repository, options));
  return clone;
}

absl::Status Clone::Fill(const Repository& repository, const CloneOptions& options) {
  for (const fs::path& directory : {tree(), empty_directory()})
    BANGER_RETURN_IF_ERROR(MakeDirectories(directory, 0755));
  const Git git = GitOn(tree());
  const std::string format = repository.git().Ask({"rev-parse", "--show-object-format"});
  BANGER_RETURN_IF_ERROR(
      git.Run({"init", "--quiet", "--template=", absl::StrCat("--object-format=", format)}).status());
  Paths fetch = {"fetch",
                 "--quiet",
                 "--no-tags",
                 "--no-write-fetch-head",
                 "--update-shallow",
                 "--no-recurse-submodules"};
  if (!options.full) fetch.emplace_back(kDepth);
  fetch.insert(fetch.end(), {repository.top().string(), commit_});
  if (const absl::Status fetched = git.Run(std::move(fetch)).status(); !fetched.ok())
    return IsPartial(repository.git()) ? PartialClone(fetched) : fetched;
  BANGER_RETURN_IF_ERROR(git.Run({"update-ref", kBase, commit_}).status());
  if (options.branch.empty()) {
    BANGER_RETURN_IF_ERROR(git.Run({"update-ref", "--no-deref", "HEAD", commit_}).status());
  } else {
    const std::string ref = absl::StrCat("refs/heads/", options.branch);
    BANGER_RETURN_IF_ERROR(git.Run({"update-ref", ref, commit_}).status());
    BANGER_RETURN_IF_ERROR(git.Run({"symbolic-ref", "HEAD", ref}).status());
  }
  const std::string origin = repository.origin();
  if (!origin.empty()) {
    BANGER_RETURN_IF_ERROR(git.Run({"config", "remote.origin.url", origin}).status());
    BANGER_RETURN_IF_ERROR(
        git.Run({"config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"}).status());
  }
  BANGER_RETURN_IF_ERROR(CopyIdentity(repository.git(), git));
  return git.Run({"read-tree", commit_}).status();
}

absl::Status Clone::RecordFiles(const Repository& repository, const Index& index, const Paths& present) {
  const Git git = GitOn(repository.top());
  BANGER_ASSIGN_OR_RETURN(const Index committed, ReadIndex(git));
  const Paths gone = Without(Without(committed.files, present), index.skipped);
  BANGER_RETURN_IF_ERROR(UpdateIndex(git, {"--force-remove"}, gone));
  BANGER_RETURN_IF_ERROR(UpdateIndex(git, {"--add", "--replace"}, present));
  const std::string was = git.Ask({"rev-parse", absl::StrCat(commit_, "^{tree}")});
  BANGER_ASSIGN_OR_RETURN(std::string tree, git.Run({"write-tree"}));
  tree = std::string(absl::StripTrailingAsciiWhitespace(tree));
  if (tree != was) {
    BANGER_ASSIGN_OR_RETURN(const std::string base,
                            git.Run({"-c", "user.name=banger", "-c", "user.email=banger@localhost",
                                     "commit-tree", tree, "-p", commit_, "-m", "The files as they came"}));
    BANGER_RETURN_IF_ERROR(
        git.Run({"update-ref", kBase, std::string(absl::StripTrailingAsciiWhitespace(base))}).status());
  }
  // In the guest they are changes again, as they are here.
  BANGER_RETURN_IF_ERROR(git.Run({"read-tree", commit_}).status());
  BANGER_RETURN_IF_ERROR(
      UpdateIndex(git, {"--add", "--replace"}, Common(Without(index.files, committed.files), present)));
  return UpdateIndex(git, {"--skip-worktree"}, Common(committed.files, index.skipped));
}

absl::StatusOr<Index> Clone::CheckOut() {
  const Git git = GitOn(tree());
  BANGER_RETURN_IF_ERROR(git.Run({"checkout-index", "--all", "--quiet"}).status());
  return ReadIndex(git);
}

absl::Status Clone::AddSubmodule(const std::string& path) {
  return GitOn(tree()).Run({"config", "--add", "banger.submodule", path}).status();
}

}  // namespace banger::cli
