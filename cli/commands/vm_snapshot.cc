#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/list_all.h"
#include "cli/commands/vm_snapshots_table.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/json.h"
#include "cli/output/progress.h"
#include "cli/output/streams.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using vm::v1::VmService;

class VmSnapshotCommand final : public Command {
 public:
  VmSnapshotCommand()
      : Command(
            {.path = "vm snapshot",
             .summary = "Keep what a VM is now, to come back to",
             .description =
                 "A snapshot has the VM's disks and, if it runs, its memory of the same moment; it stands\n"
                 "still meanwhile. NAME is made of the time unless given. Snapshots go with their VM. Those\n"
                 "with memory fit only the VMM, kernel and kind of host that they were taken with.",
             .examples = {{"banger vm snapshot create web base", "disks and memory"},
                          {"banger vm snapshot list web", "what there is"},
                          {"banger vm restore web base", "make it again what it was"},
                          {"banger vm snapshot delete web base", "free its room"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("ACTION", action_, "what to do").choices = {"create", "list", "delete"};
    flags.Argument("VM", vm_, "name, id, or the beginning of an id").complete = Names::kVms;
    flags.Argument("NAME", name_, "of the snapshot: 1 to 63 of a-z 0-9 -").required = false;
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    if (action_ == "list" && !name_.empty()) return UsageError("vm snapshot list takes no NAME");
    if (action_ == "delete" && name_.empty()) return UsageError("vm snapshot delete: which NAME?");
    const absl::Status done = action_ == "create" ? Create(context.client)
                              : action_ == "list" ? List(context.client)
                                                  : Delete(context.client);
    if (!done.ok()) return Annotate(done, absl::StrCat(action_, " snapshot", Plural(), " of vm '", vm_, "'"));
    return kExitOk;
  }

 private:
  std::string Plural() const {
    if (action_ == "list") return "s";
    return name_.empty() ? "" : absl::StrCat(" '", name_, "'");
  }

  absl::Status Create(Client& client) const {
    vm::v1::CreateVmSnapshotRequest request;
    request.set_name(VmName(vm_));
    request.set_snapshot_id(name_);
    vm::v1::Snapshot made;
    ProgressView view(absl::StrCat("snapshot vm '", vm_, "'"));
    BANGER_RETURN_IF_ERROR(client.Stream(&VmService::Stub::CreateVmSnapshot, request, kLong,
                                         [&](const vm::v1::CreateVmSnapshotResponse& response) {
                                           if (response.has_progress()) view.Show(response.progress());
                                           if (response.has_snapshot()) made = response.snapshot();
                                           return absl::OkStatus();
                                         }));
    view.Clear();
    return WriteStdout(absl::StrCat(SnapshotIdOf(made.name()), "\n"));
  }

  absl::Status List(Client& client) const {
    vm::v1::ListVmSnapshotsRequest request;
    request.set_name(VmName(vm_));
    BANGER_ASSIGN_OR_RETURN(const auto all, ListAll(client, &VmService::Stub::ListVmSnapshots, request));
    return format_ == "json" ? PrintJson(all)
                             : WriteStdout(SnapshotTable(all, std::chrono::system_clock::now()));
  }

  absl::Status Delete(Client& client) const {
    vm::v1::DeleteVmSnapshotRequest request;
    request.set_name(SnapshotName(vm_, name_));
    BANGER_RETURN_IF_ERROR(client.Unary(&VmService::Stub::DeleteVmSnapshot, request).status());
    return WriteStdout(absl::StrCat(name_, "\n"));
  }

  std::string action_;
  std::string vm_;
  std::string name_;
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> VmSnapshot() { return std::make_unique<VmSnapshotCommand>(); }

}  // namespace banger::cli
