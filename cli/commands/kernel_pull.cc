#include "absl/strings/str_cat.h"
#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/progress.h"
#include "cli/output/streams.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class KernelPullCommand final : public Command {
 public:
  KernelPullCommand()
      : Command({.path = "kernel pull",
                 .summary = "Fetch a kernel of the catalog",
                 .description = "Ctrl-C stops the download and leaves nothing behind.",
                 .examples = {{"banger kernel pull debian-6.1", "fetch Debian's"},
                              {"banger kernel pull debian-6.1 --force", "fetch it again"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the catalog entry, and the name that the kernel gets").complete =
        Names::kCatalogKernels;
    flags.Switch("--force", force_, "replace a kernel of that name");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("pull kernel '", name_, "'");
    kernel::v1::PullKernelRequest request;
    request.set_name(KernelName(name_));
    request.set_force(force_);
    kernel::v1::Kernel kernel;
    ProgressView view(what);
    const absl::Status status =
        context.client.Stream(&kernel::v1::KernelService::Stub::PullKernel, request, kLong,
                              [&view, &kernel](const kernel::v1::PullKernelResponse& response) {
                                if (response.has_progress()) view.Show(response.progress());
                                if (response.has_kernel()) kernel = response.kernel();
                                return absl::OkStatus();
                              });
    view.Clear();
    if (!status.ok()) return Annotate(NothingKept(status), what);
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(IdOf(kernel.name()), "\n")));
    return kExitOk;
  }

 private:
  std::string name_;
  bool force_ = false;
};

}  // namespace

std::unique_ptr<Command> KernelPull() { return std::make_unique<KernelPullCommand>(); }

}  // namespace banger::cli
