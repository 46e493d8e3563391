#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"
#include "cli/commands/kernel_send.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "cli/upload/detect.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class KernelImportCommand final : public Command {
 public:
  KernelImportCommand()
      : Command(
            {.path = "kernel import",
             .summary = "Take in a kernel of your own",
             .description =
                 "PATH is read with your rights and sent to the daemon. Its content tells what it is:\n"
                 "a Debian package, a bundle (a tar with vmlinux at its root, in any compression), a\n"
                 "bare vmlinux or bzImage, or a directory: with boot/ and lib/modules/ as a distribution\n"
                 "installs them, with vmlinux, or with a metadata.json that names the files.\n"
                 "Ctrl-C stops it and leaves nothing behind.",
             .examples = {
                 {"banger kernel import mine --from ./linux-image-6.1.0-37-cloud-amd64_6.1.140-1_amd64.deb",
                  "a Debian package"},
                 {"banger kernel import mine --from ./vmlinux --arch x86_64", "a file"},
                 {"banger kernel import mine --from / --distro debian", "what this machine runs"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the name that the kernel gets");
    flags.Text("--from", "PATH", from_, "the file or directory").required = true;
    flags.Text("--distro", "NAME", distro_, "the distribution; default: taken from the kernel");
    flags.Text("--arch", "ARCH", arch_, "as 'uname -m' says it; default: taken from the kernel");
    flags.Switch("--force", force_, "replace a kernel of that name");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("import kernel '", name_, "'");
    absl::StatusOr<KernelUpload> source = OpenKernel(from_);
    if (!source.ok()) return Annotate(source.status(), what);
    kernel::v1::ImportKernelRequest::Spec spec;
    spec.set_name(KernelName(name_));
    spec.set_distro(distro_);
    spec.set_arch(arch_);
    spec.set_force(force_);
    kernel::v1::Kernel kernel;
    if (const absl::Status status = SendKernel(context.client, *source, spec, what, kernel); !status.ok())
      return Annotate(NothingKept(status), what);
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(IdOf(kernel.name()), "\n")));
    return kExitOk;
  }

 private:
  std::string name_;
  std::string from_;
  std::string distro_;
  std::string arch_;
  bool force_ = false;
};

}  // namespace

std::unique_ptr<Command> KernelImport() { return std::make_unique<KernelImportCommand>(); }

}  // namespace banger::cli
