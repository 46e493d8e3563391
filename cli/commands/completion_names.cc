#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "cli/remote/contexts.h"

namespace banger::cli {
namespace {

// For completion scripts: says nothing rather than something wrong, and soon.
class CompletionNamesCommand final : public Command {
 public:
  CompletionNamesCommand()
      : Command({.path = "__names", .summary = "Print live names for completion scripts", .hidden = true}) {}

  void Declare(Flags& flags) override {
    flags.Argument("KIND", kind_, "what to name").choices = {
        "vms", "images", "kernels", "catalog-images", "catalog-kernels", "contexts"};
  }

  absl::StatusOr<int> Run(Context& context) override {
    if (kind_ == "contexts") {
      WriteStdout(Contexts()).IgnoreError();
      return kExitOk;
    }
    if (context.client.Connect(kPatience).ok()) WriteStdout(Collect(context.client)).IgnoreError();
    return kExitOk;
  }

 private:
  static constexpr std::chrono::milliseconds kPatience{500};

  static std::string Contexts() {
    std::string names = absl::StrCat(kLocalContext, "\n");
    if (const auto contexts = LoadContexts(); contexts.ok())
      for (const RemoteContext& remote : contexts->remotes) absl::StrAppend(&names, remote.name, "\n");
    return names;
  }

  std::string Collect(Client& client) const {
    using image::v1::ImageService;
    using kernel::v1::KernelService;
    if (kind_ == "vms")
      return Ask(client, &vm::v1::VmService::Stub::ListVms, vm::v1::ListVmsRequest(),
                 [](const auto& response) { return All(response.vms()); });
    if (kind_ == "images")
      return Ask(client, &ImageService::Stub::ListImages, image::v1::ListImagesRequest(),
                 [](const auto& response) { return All(response.images()); });
    if (kind_ == "catalog-images")
      return Ask(client, &ImageService::Stub::ListCatalogImages, image::v1::ListCatalogImagesRequest(),
                 [](const auto& response) { return PulledLast(response.images()); });
    if (kind_ == "catalog-kernels")
      return Ask(client, &KernelService::Stub::ListCatalogEntries, kernel::v1::ListCatalogEntriesRequest(),
                 [](const auto& response) { return PulledLast(response.entries()); });
    return Ask(client, &KernelService::Stub::ListKernels, kernel::v1::ListKernelsRequest(),
               [](const auto& response) { return All(response.kernels()); });
  }

  template <typename Method, typename Request, typename Names>
  static std::string Ask(Client& client, Method method, Request request, Names names) {
    request.set_page_size(1000);
    const auto response = client.Unary(method, request, kPatience);
    return response.ok() ? names(*response) : std::string();
  }

  template <typename Resources>
  static std::string All(const Resources& resources) {
    std::string names;
    for (const auto& resource : resources) absl::StrAppend(&names, IdOf(resource.name()), "\n");
    return names;
  }

  // What is not here yet, or in another version, is what one pulls.
  template <typename Entries>
  static std::string PulledLast(const Entries& entries) {
    std::string names;
    for (const bool pulled : {false, true})
      for (const auto& entry : entries)
        if ((entry.state() == entry.STATE_PULLED) == pulled)
          absl::StrAppend(&names, IdOf(entry.name()), "\n");
    return names;
  }

  std::string kind_;
};

}  // namespace

std::unique_ptr<Command> CompletionNames() { return std::make_unique<CompletionNamesCommand>(); }

}  // namespace banger::cli
