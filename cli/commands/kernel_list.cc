#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/kernel_table.h"
#include "cli/commands/list_all.h"
#include "cli/errors.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class KernelListCommand final : public Command {
 public:
  KernelListCommand()
      : Command({.path = "kernel list",
                 .summary = "List the kernels that are here",
                 .examples = {{"banger kernel list", "a table"},
                              {"banger kernel list --available", "what can be pulled"},
                              {"banger kernel list --format json", "for programs: {\"kernels\": [...]}"}}}) {}

  void Declare(Flags& flags) override {
    flags.Switch("--available", available_, "list what the catalogs offer instead");
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    return available_ ? ListAvailable(context) : ListHere(context);
  }

 private:
  absl::StatusOr<int> ListHere(Context& context) {
    const auto kernels = ListAll(context.client, &kernel::v1::KernelService::Stub::ListKernels);
    if (!kernels.ok()) return Annotate(kernels.status(), "list kernels");
    const absl::Status printed = format_ == "json"
                                     ? PrintJson(*kernels)
                                     : WriteStdout(KernelTable(*kernels, std::chrono::system_clock::now()));
    if (!printed.ok()) return printed;
    return kExitOk;
  }

  absl::StatusOr<int> ListAvailable(Context& context) {
    const auto entries = ListAll(context.client, &kernel::v1::KernelService::Stub::ListCatalogEntries);
    if (!entries.ok()) return Annotate(entries.status(), "list the kernel catalogs");
    for (const std::string& warning : entries->warnings()) Warn(OneLine(warning));
    BANGER_RETURN_IF_ERROR(format_ == "json" ? PrintJson(*entries) : WriteStdout(CatalogTable(*entries)));
    return kExitOk;
  }

  bool available_ = false;
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> KernelList() { return std::make_unique<KernelListCommand>(); }

}  // namespace banger::cli
