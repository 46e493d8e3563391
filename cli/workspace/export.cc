#include "cli/workspace/export.h"

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/exec/captured.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "cli/workspace/guest_git.h"
#include "cli/workspace/index.h"
#include "common/rpc/call.h"
#include "common/status/status_macros.h"
#include "common/status/utf8.h"

namespace banger::cli {
namespace {

using Sink = GuestGit::Sink;

// git apply takes no more.
constexpr std::int64_t kMaxPatch = std::int64_t{1023} << 20;
// A guest may say that it has as many as it likes, in one another.
constexpr int kMaxRepositories = 1000;
constexpr std::chrono::seconds kCleanUp{30};

absl::StatusOr<std::string> FindWorkspace(Client& client, const std::string& vm) {
  vm::v1::GetVmRequest request;
  request.set_name(VmName(vm));
  BANGER_ASSIGN_OR_RETURN(const auto response, client.Unary(&vm::v1::VmService::Stub::GetVm, request));
  if (!response.vm().workspace().empty()) return response.vm().workspace();
  return absl::FailedPreconditionError(absl::StrCat("it has no workspace: 'banger vm workspace prepare ",
                                                    IdOf(response.vm().name()), " PATH' makes one"));
}

// An export that goes through a workspace and the submodules in it.
class Export {
 public:
  Export(Client& client, std::string vm, Sink sink)
      : client_(client), vm_(std::move(vm)), sink_(std::move(sink)) {}

  // `prefix`: "lib/", where the repository is in the workspace.
  absl::Status Add(const std::string& directory, const std::string& prefix, const std::string& base);

 private:
  absl::StatusOr<std::vector<std::string>> Submodules(GuestGit& git);
  absl::Status WriteDiff(GuestGit& git, const std::string& index, const std::string& prefix,
                         const std::string& base, const std::vector<std::string>& submodules);
  absl::Status CopyIndex(const std::string& from, const std::string& to);
  absl::Status Write(absl::string_view bytes);

  Client& client_;
  const std::string vm_;
  const Sink sink_;
  std::int64_t bytes_ = 0;
  int repositories_ = 0;
};

absl::Status Export::Write(absl::string_view bytes) {
  bytes_ += static_cast<std::int64_t>(bytes.size());
  if (bytes_ <= kMaxPatch) return sink_(bytes);
  return absl::ResourceExhaustedError(
      "the patch is larger than the 1023 MiB that git applies: copy the files with 'banger vm cp', or take "
      "a later --base-commit");
}

// Those that came along and are still there.
absl::StatusOr<std::vector<std::string>> Export::Submodules(GuestGit& git) {
  std::vector<std::string> there;
  const absl::StatusOr<std::string> listed = git.Ask({"config", "--null", "--get-all", "banger.submodule"});
  if (absl::IsFailedPrecondition(listed.status())) return there;
  BANGER_RETURN_IF_ERROR(listed.status());
  for (const absl::string_view entry : absl::StrSplit(*listed, '\0', absl::SkipEmpty())) {
    const std::string path(entry);
    if (!IsPathInTree(path) || !IsUtf8(path)) continue;
    GuestGit submodule(client_, vm_, absl::StrCat(git.directory(), "/", path));
    const absl::Status found = submodule.Ask({"rev-parse", "--verify", "refs/banger/base"}).status();
    if (found.ok())
      there.push_back(path);
    else if (absl::IsFailedPrecondition(found))
      Warn(absl::StrCat("submodule '", OneLine(path), "' is no longer there: the patch leaves it as it is"));
    else
      return found;
  }
  return there;
}

// The guest's own is where we begin: it knows what is tracked although ignored, and
// what a sparse checkout leaves out. The time that it was written at is part of it.
absl::Status Export::CopyIndex(const std::string& from, const std::string& to) {
  constexpr char kScript[] = "if [ -e \"$1\" ]; then cp -p -- \"$1\" \"$2\"; fi";
  BANGER_ASSIGN_OR_RETURN(const CapturedExec ended,
                          RunCaptured(client_, vm_, {.argv = {"sh", "-c", kScript, "sh", from, to}}));
  if (ended.exit_code == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("copy git's index in the VM: ", OneLine(GitComplaint(ended.err))));
}

absl::Status Export::WriteDiff(GuestGit& git, const std::string& index, const std::string& prefix,
                               const std::string& base, const std::vector<std::string>& submodules) {
  BANGER_RETURN_IF_ERROR(git.Run({"add", "--all", "."}, index));
  // As git apply wants it, whatever the guest's configuration says.
  std::vector<std::string> diff = {"diff",
                                   "--cached",
                                   "--binary",
                                   "--full-index",
                                   "--no-color",
                                   "--no-ext-diff",
                                   "--no-textconv",
                                   "--no-renames",
                                   "--no-relative",
                                   "--unified=3",
                                   "--inter-hunk-context=0",
                                   "--submodule=short",
                                   "--ignore-submodules=none",
                                   "-O/dev/null",
                                   absl::StrCat("--src-prefix=a/", prefix),
                                   absl::StrCat("--dst-prefix=b/", prefix),
                                   base,
                                   "--",
                                   "."};
  // Their files say it all, and nobody has their commits but the guest.
  for (const std::string& path : submodules) diff.push_back(absl::StrCat(":(exclude,top,literal)", path));
  return git.Run(diff, index, [this](absl::string_view bytes) { return Write(bytes); });
}

absl::Status Export::Add(const std::string& directory, const std::string& prefix, const std::string& base) {
  if (++repositories_ > kMaxRepositories)
    return absl::ResourceExhaustedError("the workspace has more than 1000 submodules");
  GuestGit git(client_, vm_, directory);
  BANGER_ASSIGN_OR_RETURN(const std::string commit, git.Ask({"rev-parse", "--verify", "--end-of-options",
                                                             absl::StrCat(base, "^{commit}")}));
  BANGER_ASSIGN_OR_RETURN(const std::string git_dir, git.Ask({"rev-parse", "--absolute-git-dir"}));
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> submodules, Submodules(git));
  // In the git directory: git links and renames it.
  const std::string index = absl::StrCat(git_dir, "/banger-export-", rpc::NewRequestId());
  absl::Status written = CopyIndex(absl::StrCat(git_dir, "/index"), index);
  if (written.ok()) written = WriteDiff(git, index, prefix, commit, submodules);
  // Also when the user wants out. Left over it would be in nobody's way.
  Client cleaner = client_.WithoutStop();
  RunCaptured(cleaner, vm_, {.argv = {"rm", "-f", "--", index, index + ".lock"}, .timeout = kCleanUp})
      .status()
      .IgnoreError();
  BANGER_RETURN_IF_ERROR(written);
  for (const std::string& path : submodules)
    BANGER_RETURN_IF_ERROR(
        Add(absl::StrCat(directory, "/", path), absl::StrCat(prefix, path, "/"), "refs/banger/base"));
  return absl::OkStatus();
}

}  // namespace

absl::Status ExportWorkspace(Client& client, const std::string& vm, const std::string& base,
                             const Sink& sink) {
  BANGER_ASSIGN_OR_RETURN(const std::string directory, FindWorkspace(client, vm));
  return Export(client, vm, sink).Add(directory, "", base.empty() ? "refs/banger/base" : base);
}

}  // namespace banger::cli
