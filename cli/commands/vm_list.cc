#include <utility>

#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/list_all.h"
#include "cli/commands/vm_table.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class VmListCommand final : public Command {
 public:
  explicit VmListCommand(const std::string& path)
      : Command({.path = path,
                 .summary = path == "ps" ? "List VMs, as 'vm list'" : "List VMs",
                 .description = "Those that run, start, stop or are paused; with -a all. MEM and DISK are "
                                "what they were given.",
                 .examples = {
                     {absl::StrCat("banger ", path), "what runs now"},
                     {absl::StrCat("banger ", path, " -a"), "also what is stopped"},
                     {absl::StrCat("banger ", path, " -a --format json"), "for programs: {\"vms\": [...]}"},
                     {absl::StrCat("banger vm stop $(banger ", path, " -q)"), "stop all of them"}}}) {}

  void Declare(Flags& flags) override {
    flags.Switch("-a,--all", all_, "every VM, whatever its state");
    flags.Switch("-q,--quiet", quiet_, "only the ids");
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    vm::v1::ListVmsRequest request;
    request.set_only_up(!all_);
    const auto vms = ListAll(context.client, &vm::v1::VmService::Stub::ListVms, request);
    if (!vms.ok()) return Annotate(vms.status(), "list vms");
    BANGER_RETURN_IF_ERROR(Print(*vms));
    return kExitOk;
  }

 private:
  absl::Status Print(const vm::v1::ListVmsResponse& vms) const {
    if (quiet_) {
      std::string ids;
      for (const vm::v1::Vm& vm : vms.vms()) absl::StrAppend(&ids, vm.uid(), "\n");
      return WriteStdout(ids);
    }
    return format_ == "json" ? PrintJson(vms) : WriteStdout(VmTable(vms, std::chrono::system_clock::now()));
  }

  bool all_ = false;
  bool quiet_ = false;
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> VmList(const std::string& path) { return std::make_unique<VmListCommand>(path); }

}  // namespace banger::cli
