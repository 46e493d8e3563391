#include "cli/commands/prepare_workspace.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "cli/workspace/workspace.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {

absl::StatusOr<PreparedWorkspace> ReadWorkspace(const std::string& path, const WorkspaceFlags& flags,
                                                const std::stop_token& stop) {
  if (!flags.from.empty() && flags.branch.empty())
    return UsageError("--from says where a branch begins: give its name with --branch");
  if (!flags.from.empty() && flags.include_untracked)
    return UsageError("--from takes a commit's files: --include-untracked has no place with it");
  BANGER_ASSIGN_OR_RETURN(const Repository repository, Repository::Open(path, stop));
  BANGER_ASSIGN_OR_RETURN(Snapshot snapshot,
                          Snapshot::Take(repository, {.branch = flags.branch,
                                                      .from = flags.from,
                                                      .full = flags.mode == "full",
                                                      .include_untracked = flags.include_untracked}));
  for (const std::string& warning : snapshot.warnings()) Warn(OneLine(warning));
  return PreparedWorkspace{path, std::move(snapshot), WorkspaceDirectory(repository)};
}

bool NeedsTools(const PreparedWorkspace& prepared, const WorkspaceFlags& flags) {
  return !flags.no_bootstrap && !prepared.snapshot.pinned_tools().empty();
}

absl::Status CheckWayOut(const PreparedWorkspace& prepared, const WorkspaceFlags& flags, bool nat,
                         const std::string& remedy) {
  if (nat || !NeedsTools(prepared, flags)) return absl::OkStatus();
  return UsageError(absl::StrCat("'", prepared.path, "' pins tools in ", prepared.snapshot.pinned_tools(),
                                 ", which have to be fetched: give ", remedy,
                                 ", or --no-bootstrap to go without"));
}

absl::Status PrintDryRun(const PreparedWorkspace& prepared) {
  const Snapshot& snapshot = prepared.snapshot;
  std::string text;
  // Names are bytes; a line each all the same.
  for (const std::string& file : snapshot.ListFiles()) absl::StrAppend(&text, OneLine(file), "\n");
  BANGER_RETURN_IF_ERROR(WriteStdout(text));
  Note(absl::StrCat(
      "to ", prepared.directory, ": ",
      snapshot.branch().empty() ? "no branch" : absl::StrCat("branch ", OneLine(snapshot.branch())), " at ",
      snapshot.commit().substr(0, 12),
      snapshot.origin().empty() ? "" : absl::StrCat(", origin ", OneLine(snapshot.origin()))));
  return absl::OkStatus();
}

absl::Status BringWorkspace(Context& context, const std::string& vm, const PreparedWorkspace& prepared,
                            const WorkspaceFlags& flags) {
  const std::string what = absl::StrCat("prepare '", prepared.path, "' in vm '", vm, "'");
  absl::Status done = SendWorkspace(context.client, vm, prepared.snapshot, prepared.directory, what);
  if (done.ok() && NeedsTools(prepared, flags))
    done = BootstrapTools(context.client, context.signals, vm, prepared.directory);
  return Annotate(done, what);
}

absl::Status PrepareWorkspace(Context& context, const std::string& vm, const std::string& path,
                              const WorkspaceFlags& flags) {
  const std::string what = absl::StrCat("prepare '", path, "' in vm '", vm, "'");
  vm::v1::GetVmRequest request;
  request.set_name(VmName(vm));
  const auto response = context.client.Unary(&vm::v1::VmService::Stub::GetVm, request);
  if (!response.ok()) return Annotate(response.status(), what);
  const absl::StatusOr<PreparedWorkspace> prepared = ReadWorkspace(path, flags, context.client.stop());
  if (!prepared.ok()) return Annotate(prepared.status(), what);
  const absl::Status way_out = CheckWayOut(*prepared, flags, response->vm().network_policy().nat(),
                                           absl::StrCat("it a way out with 'banger vm set ", vm, " --nat'"));
  if (!way_out.ok()) return Annotate(way_out, what);
  BANGER_RETURN_IF_ERROR(BringWorkspace(context, vm, *prepared, flags));
  Note(absl::StrCat("prepared ", prepared->directory));
  return absl::OkStatus();
}

}  // namespace banger::cli
