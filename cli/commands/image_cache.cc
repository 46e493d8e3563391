#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/errors.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

std::string Summary(const image::v1::PruneImageCacheResponse& pruned, bool dry_run) {
  std::string text = absl::StrCat(dry_run ? "would free " : "freed ", HumanSize(pruned.freed_bytes()), " in ",
                                  pruned.removed_blobs(), pruned.removed_blobs() == 1 ? " blob" : " blobs");
  if (pruned.kept_bytes() > 0)
    absl::StrAppend(&text, "; ", HumanSize(pruned.kept_bytes()), " stay, as pulls are using them");
  return absl::StrCat(text, "\n");
}

class ImageCacheCommand final : public Command {
 public:
  ImageCacheCommand()
      : Command({.path = "image cache",
                 .summary = "Remove the downloaded layers",
                 .description =
                     "Images stay; only pulling them again takes longer. What a running pull needs "
                     "is kept.",
                 .examples = {{"banger image cache prune --dry-run", "see how much that would free"},
                              {"banger image cache prune", "free it"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("ACTION", action_, "what to do").choices = {"prune"};
    flags.Switch("--dry-run", dry_run_, "say what would go and remove nothing");
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    image::v1::PruneImageCacheRequest request;
    request.set_dry_run(dry_run_);
    const auto response = context.client.Unary(&image::v1::ImageService::Stub::PruneImageCache, request);
    if (!response.ok()) return Annotate(response.status(), "prune the image cache");
    BANGER_RETURN_IF_ERROR(format_ == "json" ? PrintJson(*response)
                                             : WriteStdout(Summary(*response, dry_run_)));
    return kExitOk;
  }

 private:
  std::string action_;
  bool dry_run_ = false;
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> ImageCache() { return std::make_unique<ImageCacheCommand>(); }

}  // namespace banger::cli
