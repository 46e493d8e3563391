#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/vm_table.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class VmShowCommand final : public Command {
 public:
  VmShowCommand()
      : Command({.path = "vm show",
                 .summary = "Show all about a VM",
                 .examples = {{"banger vm show web", "its state, address, sizes and disks"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("VM", name_, "name, id, or the beginning of an id").complete = Names::kVms;
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    vm::v1::GetVmRequest request;
    request.set_name(VmName(name_));
    const auto response = context.client.Unary(&vm::v1::VmService::Stub::GetVm, request);
    if (!response.ok()) return Annotate(response.status(), absl::StrCat("show vm '", name_, "'"));
    if (format_ == "json") {
      BANGER_RETURN_IF_ERROR(PrintJson(response->vm()));
      return kExitOk;
    }
    vm::v1::ListVmsResponse one;
    *one.add_vms() = response->vm();
    BANGER_RETURN_IF_ERROR(WriteStdout(VmTable(one, std::chrono::system_clock::now())));
    return kExitOk;
  }

 private:
  std::string name_;
  std::string format_ = "json";
};

}  // namespace

std::unique_ptr<Command> VmShow() { return std::make_unique<VmShowCommand>(); }

}  // namespace banger::cli
