#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"
#include "cli/commands/image_send.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "cli/upload/detect.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class ImageImportCommand final : public Command {
 public:
  ImageImportCommand()
      : Command({.path = "image import",
                 .summary = "Make an image of a root file system",
                 .description =
                     "FILE is read with your rights and sent to the daemon. Its content tells what it is:\n"
                     "a tar of a root file system in any compression, an OCI image layout, as a\n"
                     "directory or in a tar, what docker save writes, a bundle as 'image export' writes it,\n"
                     "or a ready ext4 file system. '-' reads from stdin.\n"
                     "Ctrl-C stops it and leaves nothing behind.",
                 .examples = {
                     {"banger image import deb --from rootfs.tar --kernel-ref debian-6.1", "a rootfs tar"},
                     {"mmdebstrap --variant=minbase bookworm - | banger image import deb --from -",
                      "straight from a pipe"},
                     {"banger image import app --from ./oci --reference latest", "an OCI layout"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the name that the image gets");
    flags.Text("--from", "FILE", from_, "the file or OCI layout; '-' is stdin").required = true;
    flags
        .Text("--kernel-ref", "NAME", kernel_,
              "the kernel to boot it with; default: the best one at each start")
        .complete = Names::kKernels;
    flags.Size("--size", size_, "of the file system, as 4G; default: content x 1.5, at least 1G");
    flags.Text("--reference", "TAG", reference_, "the image to take of a file that holds several");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("import image '", name_, "'");
    absl::StatusOr<ImageUpload> source = OpenImage(from_);
    if (!source.ok()) return Annotate(source.status(), what);
    if (!reference_.empty() && source->format != ImageFormat::kOciLayout &&
        source->format != ImageFormat::kDockerArchive)
      return UsageError(
          absl::StrCat(what, ": --reference is for files of several images, and '", from_, "' is none"));
    image::v1::ImportImageRequest::Spec spec;
    spec.set_name(ImageName(name_));
    if (!kernel_.empty()) spec.set_kernel(KernelName(kernel_));
    spec.set_size_bytes(size_.value_or(0));
    spec.set_reference(reference_);
    image::v1::Image image;
    if (const absl::Status status = SendImage(context.client, *source, spec, what, image); !status.ok())
      return Annotate(NothingKept(status), what);
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(IdOf(image.name()), "\n")));
    return kExitOk;
  }

 private:
  std::string name_;
  std::string from_;
  std::string kernel_;
  std::optional<std::int64_t> size_;
  std::string reference_;
};

}  // namespace

std::unique_ptr<Command> ImageImport() { return std::make_unique<ImageImportCommand>(); }

}  // namespace banger::cli
