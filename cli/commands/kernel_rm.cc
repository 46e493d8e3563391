#include "absl/strings/str_cat.h"
#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class KernelRmCommand final : public Command {
 public:
  KernelRmCommand()
      : Command({.path = "kernel rm",
                 .summary = "Remove a kernel",
                 .description = "Images and VMs that were made with it keep their own copy.",
                 .examples = {{"banger kernel rm debian-6.1", "remove it"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the kernel").complete = Names::kKernels;
  }

  absl::StatusOr<int> Run(Context& context) override {
    kernel::v1::DeleteKernelRequest request;
    request.set_name(KernelName(name_));
    const auto response = context.client.Unary(&kernel::v1::KernelService::Stub::DeleteKernel, request);
    if (!response.ok()) return Annotate(response.status(), absl::StrCat("remove kernel '", name_, "'"));
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(IdOf(request.name()), "\n")));
    return kExitOk;
  }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Command> KernelRm() { return std::make_unique<KernelRmCommand>(); }

}  // namespace banger::cli
