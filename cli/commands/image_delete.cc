#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class ImageDeleteCommand final : public Command {
 public:
  ImageDeleteCommand()
      : Command({.path = "image delete",
                 .summary = "Delete an image",
                 .description = "Refused while a VM uses it.",
                 .examples = {{"banger image delete deb", "delete it"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the image").complete = Names::kImages;
  }

  absl::StatusOr<int> Run(Context& context) override {
    image::v1::DeleteImageRequest request;
    request.set_name(ImageName(name_));
    const auto response = context.client.Unary(&image::v1::ImageService::Stub::DeleteImage, request);
    if (!response.ok()) return Annotate(response.status(), absl::StrCat("delete image '", name_, "'"));
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(IdOf(request.name()), "\n")));
    return kExitOk;
  }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Command> ImageDelete() { return std::make_unique<ImageDeleteCommand>(); }

}  // namespace banger::cli
