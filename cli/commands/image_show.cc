#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/image_table.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class ImageShowCommand final : public Command {
 public:
  ImageShowCommand()
      : Command({.path = "image show",
                 .summary = "Show all about an image",
                 .examples = {{"banger image show deb", "its kernel, size and configuration"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the image").complete = Names::kImages;
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    image::v1::GetImageRequest request;
    request.set_name(ImageName(name_));
    const auto response = context.client.Unary(&image::v1::ImageService::Stub::GetImage, request);
    if (!response.ok()) return Annotate(response.status(), absl::StrCat("show image '", name_, "'"));
    if (format_ == "json") {
      BANGER_RETURN_IF_ERROR(PrintJson(response->image()));
      return kExitOk;
    }
    image::v1::ListImagesResponse one;
    *one.add_images() = response->image();
    BANGER_RETURN_IF_ERROR(WriteStdout(ImageTable(one, std::chrono::system_clock::now())));
    return kExitOk;
  }

 private:
  std::string name_;
  std::string format_ = "json";
};

}  // namespace

std::unique_ptr<Command> ImageShow() { return std::make_unique<ImageShowCommand>(); }

}  // namespace banger::cli
