#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"

namespace banger::cli {
namespace {

// For completion scripts: says nothing rather than something wrong, and soon.
class CompletionNamesCommand final : public Command {
 public:
  CompletionNamesCommand()
      : Command({.path = "__names", .summary = "Print live names for completion scripts", .hidden = true}) {}

  void Declare(Flags& flags) override {
    flags.Argument("KIND", kind_, "what to name").choices = {"vms", "images", "kernels", "catalog-kernels"};
  }

  absl::StatusOr<int> Run(Context& context) override {
    if (context.client.Connect(kPatience).ok()) WriteStdout(Collect(context.client)).IgnoreError();
    return kExitOk;
  }

 private:
  static constexpr std::chrono::milliseconds kPatience{500};

  std::string Collect(Client& client) const {
    std::string names;
    if (kind_ == "vms") {
      vm::v1::ListVmsRequest request;
      request.set_page_size(1000);
      const auto response = client.Unary(&vm::v1::VmService::Stub::ListVms, request, kPatience);
      if (response.ok())
        for (const vm::v1::Vm& vm : response->vms()) absl::StrAppend(&names, IdOf(vm.name()), "\n");
    } else if (kind_ == "images") {
      image::v1::ListImagesRequest request;
      request.set_page_size(1000);
      const auto response = client.Unary(&image::v1::ImageService::Stub::ListImages, request, kPatience);
      if (response.ok())
        for (const image::v1::Image& image : response->images())
          absl::StrAppend(&names, IdOf(image.name()), "\n");
    } else if (kind_ == "catalog-kernels") {
      kernel::v1::ListCatalogEntriesRequest request;
      request.set_page_size(1000);
      const auto response =
          client.Unary(&kernel::v1::KernelService::Stub::ListCatalogEntries, request, kPatience);
      if (response.ok()) {
        // What is not here yet, or in another version, is what one pulls.
        for (const bool pulled : {false, true})
          for (const kernel::v1::CatalogEntry& entry : response->entries())
            if ((entry.state() == kernel::v1::CatalogEntry::STATE_PULLED) == pulled)
              absl::StrAppend(&names, IdOf(entry.name()), "\n");
      }
    } else {
      kernel::v1::ListKernelsRequest request;
      request.set_page_size(1000);
      const auto response = client.Unary(&kernel::v1::KernelService::Stub::ListKernels, request, kPatience);
      if (response.ok())
        for (const kernel::v1::Kernel& kernel : response->kernels())
          absl::StrAppend(&names, IdOf(kernel.name()), "\n");
    }
    return names;
  }

  std::string kind_;
};

}  // namespace

std::unique_ptr<Command> CompletionNames() { return std::make_unique<CompletionNamesCommand>(); }

}  // namespace banger::cli
