#include "absl/strings/str_cat.h"
#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/kernel_table.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class KernelShowCommand final : public Command {
 public:
  KernelShowCommand()
      : Command({.path = "kernel show",
                 .summary = "Show all about a kernel",
                 .examples = {{"banger kernel show debian-6.1", "its version, digest and origin"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the kernel").complete = Names::kKernels;
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    kernel::v1::GetKernelRequest request;
    request.set_name(KernelName(name_));
    const auto response = context.client.Unary(&kernel::v1::KernelService::Stub::GetKernel, request);
    if (!response.ok()) return Annotate(response.status(), absl::StrCat("show kernel '", name_, "'"));
    if (format_ == "json") {
      BANGER_RETURN_IF_ERROR(PrintJson(response->kernel()));
      return kExitOk;
    }
    kernel::v1::ListKernelsResponse one;
    *one.add_kernels() = response->kernel();
    BANGER_RETURN_IF_ERROR(WriteStdout(KernelTable(one, std::chrono::system_clock::now())));
    return kExitOk;
  }

 private:
  std::string name_;
  std::string format_ = "json";
};

}  // namespace

std::unique_ptr<Command> KernelShow() { return std::make_unique<KernelShowCommand>(); }

}  // namespace banger::cli
