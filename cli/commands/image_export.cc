#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/file_mode.h"
#include "cli/output/progress.h"
#include "cli/output/streams.h"
#include "common/os/new_file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using image::v1::ExportImageRequest;
using image::v1::ExportImageResponse;

class ImageExportCommand final : public Command {
 public:
  ImageExportCommand()
      : Command({.path = "image export",
                 .summary = "Write an image to a file",
                 .description =
                     "As an OCI archive other tools take it too (podman, skopeo, docker load); a bundle is\n"
                     "banger's own form, which is quicker to take in again. Both are for 'image import'.\n"
                     "FILE appears when it is whole. '-' writes to stdout.",
                 .examples = {{"banger image export deb -o deb.tar", "an OCI archive"},
                              {"banger image export deb -o deb.tar.zst --format bundle", "a bundle"},
                              {"banger image export deb -o - | ssh other banger image import deb --from -",
                               "to another machine"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the image").complete = Names::kImages;
    flags.Text("-o,--output", "FILE", output_, "where to write it; '-' is stdout").required = true;
    flags.Choice("--format", "FORMAT", format_, {"oci", "bundle"}, "what to write; default: oci");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("export image '", name_, "'");
    if (output_ == "-" && ::isatty(STDOUT_FILENO) != 0)
      return UsageError(absl::StrCat(what, ": that is no text for a terminal; give a file or a pipe"));
    const absl::Status status =
        output_ == "-" ? ToStdout(context.client, what) : ToFile(context.client, what);
    if (!status.ok()) return Annotate(NothingKept(status), what);
    return kExitOk;
  }

 private:
  absl::Status ToStdout(Client& client, const std::string& what) const {
    return Receive(client, what, [](absl::string_view bytes) { return WriteStdout(bytes); });
  }

  absl::Status ToFile(Client& client, const std::string& what) const {
    BANGER_ASSIGN_OR_RETURN(NewFile file, NewFile::Create(output_));
    BANGER_RETURN_IF_ERROR(
        Receive(client, what, [&file](absl::string_view bytes) { return file.Write(bytes); }));
    return file.Finish(NewFileMode());
  }

  template <typename Write>
  absl::Status Receive(Client& client, const std::string& what, Write write) const {
    ExportImageRequest request;
    request.set_name(ImageName(name_));
    request.set_format(format_ == "bundle" ? ExportImageRequest::FORMAT_BUNDLE
                                           : ExportImageRequest::FORMAT_OCI_ARCHIVE);
    bool whole = false;
    ProgressView view(what);
    const absl::Status status = client.Stream(&image::v1::ImageService::Stub::ExportImage, request, kLong,
                                              [&](const ExportImageResponse& response) -> absl::Status {
                                                if (response.has_progress()) view.Show(response.progress());
                                                if (!response.has_chunk()) return absl::OkStatus();
                                                whole = response.chunk().empty();
                                                return write(response.chunk());
                                              });
    view.Clear();
    if (status.ok() && !whole) return absl::DataLossError("the daemon stopped in the middle");
    return status;
  }

  std::string name_;
  std::string output_;
  std::string format_ = "oci";
};

}  // namespace

std::unique_ptr<Command> ImageExport() { return std::make_unique<ImageExportCommand>(); }

}  // namespace banger::cli
