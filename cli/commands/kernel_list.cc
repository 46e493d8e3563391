#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/kernel_table.h"
#include "cli/commands/list_all.h"
#include "cli/errors.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class KernelListCommand final : public Command {
 public:
  KernelListCommand()
      : Command({.path = "kernel list",
                 .summary = "List the kernels that are here",
                 .examples = {{"banger kernel list", "a table"},
                              {"banger kernel list --format json", "for programs: {\"kernels\": [...]}"}}}) {}

  void Declare(Flags& flags) override { DeclareFormat(flags, format_); }

  absl::StatusOr<int> Run(Context& context) override {
    const auto kernels = ListAll(context.client, &kernel::v1::KernelService::Stub::ListKernels);
    if (!kernels.ok()) return Annotate(kernels.status(), "list kernels");
    const absl::Status printed = format_ == "json"
                                     ? PrintJson(*kernels)
                                     : WriteStdout(KernelTable(*kernels, std::chrono::system_clock::now()));
    if (!printed.ok()) return printed;
    return kExitOk;
  }

 private:
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> KernelList() { return std::make_unique<KernelListCommand>(); }

}  // namespace banger::cli
