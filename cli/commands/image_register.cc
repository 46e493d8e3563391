#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/image_send.h"
#include "cli/commands/kernel_send.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;

class ImageRegisterCommand final : public Command {
 public:
  ImageRegisterCommand()
      : Command(
            {.path = "image register",
             .summary = "Make an image of a ready ext4 file system",
             .description =
                 "The file is read with your rights and copied into the store; with --in-place it stays\n"
                 "where it is, which the daemon allows below the directories of its configuration\n"
                 "([images] in_place_dirs). Do not change it then: VMs refuse to start from what has\n"
                 "changed. --kernel takes the kernel in under the image's name first.",
             .examples = {
                 {"banger image register --name mine --rootfs mine.ext4 --kernel-ref debian-6.1",
                  "with a kernel that is there"},
                 {"banger image register --name mine --rootfs mine.ext4 --kernel vmlinux --initrd initrd.img",
                  "with its own kernel"},
                 {"banger image register --name mine --rootfs /srv/images/mine.ext4 --in-place",
                  "without a copy"}}}) {}

  void Declare(Flags& flags) override {
    flags.Text("--name", "NAME", name_, "the name that the image gets").required = true;
    flags.Text("--rootfs", "FILE", rootfs_, "the ext4 file system").required = true;
    flags
        .Text("--kernel-ref", "NAME", kernel_ref_,
              "the kernel to boot it with; default: the best one at each start")
        .complete = Names::kKernels;
    flags.Text("--kernel", "FILE", kernel_, "a kernel to take in for it");
    flags.Text("--initrd", "FILE", initrd_, "its initrd");
    flags.Text("--modules", "DIR", modules_, "its modules, as /lib/modules/VERSION");
    flags.Switch("--in-place", in_place_, "leave the file where it is");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("register image '", name_, "'");
    if (!kernel_.empty() && !kernel_ref_.empty())
      return UsageError(absl::StrCat(what, ": --kernel and --kernel-ref exclude each other"));
    if (kernel_.empty() && (!initrd_.empty() || !modules_.empty()))
      return UsageError(absl::StrCat(what, ": --initrd and --modules are for --kernel"));
    const absl::Status done = Register(context.client, what);
    if (!done.ok()) return Annotate(NothingKept(done), what);
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(name_, "\n")));
    return kExitOk;
  }

 private:
  absl::Status Register(Client& client, const std::string& what) const {
    // All that can be wrong here is found before anything is sent.
    absl::StatusOr<ImageUpload> source = absl::UnavailableError("not read");
    if (!in_place_) {
      BANGER_ASSIGN_OR_RETURN(source, OpenImage(rootfs_));
      if (source->format != ImageFormat::kExt4)
        return absl::InvalidArgumentError(
            absl::StrCat("'", rootfs_, "' is no ext4 file system; for tars there is 'banger image import'"));
    }
    BANGER_ASSIGN_OR_RETURN(const std::string kernel, TakeKernel(client, what));
    if (in_place_) return InPlace(client, kernel);
    image::v1::ImportImageRequest::Spec spec;
    spec.set_name(ImageName(name_));
    if (!kernel.empty()) spec.set_kernel(KernelName(kernel));
    image::v1::Image image;
    return SendImage(client, *source, spec, what, image);
  }

  absl::Status InPlace(Client& client, const std::string& kernel) const {
    image::v1::RegisterImageRequest request;
    request.set_name(ImageName(name_));
    request.set_rootfs_path(fs::absolute(rootfs_).lexically_normal().string());
    if (!kernel.empty()) request.set_kernel(KernelName(kernel));
    return client.Unary(&image::v1::ImageService::Stub::RegisterImage, request).status();
  }

  // The id of the kernel to use; that of --kernel is taken in.
  absl::StatusOr<std::string> TakeKernel(Client& client, const std::string& what) const {
    if (kernel_.empty()) return kernel_ref_;
    absl::StatusOr<TempDir> directory = TempDir::Create();
    BANGER_RETURN_IF_ERROR(directory.status());
    BANGER_ASSIGN_OR_RETURN(const KernelUpload upload, OpenParts(directory->path()));
    kernel::v1::ImportKernelRequest::Spec spec;
    spec.set_name(KernelName(name_));
    kernel::v1::Kernel kernel;
    BANGER_RETURN_IF_ERROR(SendKernel(client, upload, spec, what, kernel));
    return name_;
  }

  // A kernel alone is told by its content; with more it becomes a tree, whose
  // metadata says what is what.
  absl::StatusOr<KernelUpload> OpenParts(const fs::path& scratch) const {
    if (initrd_.empty() && modules_.empty()) return OpenKernel(kernel_);
    nlohmann::json metadata = {{"kernel_path", "kernel"}};
    std::vector<PackedMember> members = {{scratch / "metadata.json", "metadata.json"}, {kernel_, "kernel"}};
    if (!initrd_.empty()) {
      metadata["initrd_path"] = "initrd";
      members.push_back({initrd_, "initrd"});
    }
    if (!modules_.empty()) {
      metadata["modules_dir"] = "modules";
      members.push_back({modules_, "modules"});
    }
    for (const PackedMember& member : members)
      if (member.name != "metadata.json" && !fs::exists(member.path))
        return absl::NotFoundError(
            absl::StrCat("open '", member.path.string(), "': No such file or directory"));
    BANGER_RETURN_IF_ERROR(WriteFileAtomically(scratch / "metadata.json", metadata.dump()));
    return KernelUpload{KernelFormat::kTree,
                        Upload::OfMembers(fs::path(kernel_).filename().string(), std::move(members))};
  }

  std::string name_;
  std::string rootfs_;
  std::string kernel_ref_;
  std::string kernel_;
  std::string initrd_;
  std::string modules_;
  bool in_place_ = false;
};

}  // namespace

std::unique_ptr<Command> ImageRegister() { return std::make_unique<ImageRegisterCommand>(); }

}  // namespace banger::cli
