#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/progress.h"
#include "cli/output/streams.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class ImagePromoteCommand final : public Command {
 public:
  ImagePromoteCommand()
      : Command(
            {.path = "image promote",
             .summary = "Copy an image that was registered in place, so that it is banger's own",
             .description = "Its file may change or go afterwards. VMs that run from it are not disturbed.",
             .examples = {{"banger image promote mine", "copy its file into the store"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the image").complete = Names::kImages;
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("promote image '", name_, "'");
    image::v1::PromoteImageRequest request;
    request.set_name(ImageName(name_));
    ProgressView view(what);
    const absl::Status status =
        context.client.Stream(&image::v1::ImageService::Stub::PromoteImage, request, kLong,
                              [&view](const image::v1::PromoteImageResponse& response) {
                                if (response.has_progress()) view.Show(response.progress());
                                return absl::OkStatus();
                              });
    view.Clear();
    if (!status.ok()) return Annotate(status, what);
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(IdOf(request.name()), "\n")));
    return kExitOk;
  }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Command> ImagePromote() { return std::make_unique<ImagePromoteCommand>(); }

}  // namespace banger::cli
