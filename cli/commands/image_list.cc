#include "banger/image/v1/image_service.grpc.pb.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/image_table.h"
#include "cli/commands/list_all.h"
#include "cli/errors.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class ImageListCommand final : public Command {
 public:
  ImageListCommand()
      : Command({.path = "image list",
                 .summary = "List the images that are here",
                 .examples = {{"banger image list", "a table"},
                              {"banger image list --available", "what can be pulled by its name"},
                              {"banger image list --format json", "for programs: {\"images\": [...]}"}}}) {}

  void Declare(Flags& flags) override {
    flags.Switch("--available", available_, "list what the catalogs offer instead");
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    return available_ ? ListAvailable(context) : ListHere(context);
  }

 private:
  absl::StatusOr<int> ListHere(Context& context) {
    const auto images = ListAll(context.client, &image::v1::ImageService::Stub::ListImages);
    if (!images.ok()) return Annotate(images.status(), "list images");
    const absl::Status printed = format_ == "json"
                                     ? PrintJson(*images)
                                     : WriteStdout(ImageTable(*images, std::chrono::system_clock::now()));
    if (!printed.ok()) return printed;
    return kExitOk;
  }

  absl::StatusOr<int> ListAvailable(Context& context) {
    const auto images = ListAll(context.client, &image::v1::ImageService::Stub::ListCatalogImages);
    if (!images.ok()) return Annotate(images.status(), "list the image catalogs");
    for (const std::string& warning : images->warnings()) Warn(OneLine(warning));
    BANGER_RETURN_IF_ERROR(format_ == "json" ? PrintJson(*images)
                                             : WriteStdout(AvailableImageTable(*images)));
    return kExitOk;
  }

  bool available_ = false;
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> ImageList() { return std::make_unique<ImageListCommand>(); }

}  // namespace banger::cli
