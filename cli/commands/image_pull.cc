#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/pull_image.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class ImagePullCommand final : public Command {
 public:
  ImagePullCommand()
      : Command({.path = "image pull",
                 .summary = "Fetch an image from a catalog or a registry",
                 .description =
                     "REF is the name of a catalog's entry, else an OCI reference as docker takes it. Logins "
                     "come\n"
                     "from the Docker config file and its credential helpers ('banger image login').\n"
                     "An image that is here already and up to date stays as it is. Ctrl-C stops the pull;\n"
                     "what has arrived is kept for the next one.",
                 .examples = {{"banger image pull debian:bookworm", "as 'debian-bookworm'"},
                              {"banger image pull 127.0.0.1:5000/team/app:v1 --name app",
                               "from a registry of one's own"},
                              {"banger image pull app@sha256:DIGEST --name app", "exactly these bytes"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("REF", spec_.reference, "a catalog's name or an OCI reference").complete =
        Names::kCatalogImages;
    flags.Text("--name", "NAME", spec_.name, "the name that the image gets; default: made from REF");
    flags
        .Text("--kernel-ref", "NAME", spec_.kernel,
              "the kernel to boot it with; default: the best one at each start")
        .complete = Names::kKernels;
    flags.Size("--size", spec_.size_bytes, "of the file system, as 4G; default: content x 1.5, at least 1G");
    flags.Text("--platform", "OS/ARCH", spec_.platform, "as linux/amd64/v2; default: the best for this host");
    flags.Text("--auth-file", "FILE", spec_.auth_file, "a Docker config file with the login to use");
    flags.Switch("--insecure", spec_.insecure, "also plain http, and certificates that nobody vouches for");
  }

  absl::StatusOr<int> Run(Context& context) override {
    BANGER_ASSIGN_OR_RETURN(const image::v1::Image image, PullImage(context.client, spec_));
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(IdOf(image.name()), "\n")));
    return kExitOk;
  }

 private:
  PullSpec spec_;
};

}  // namespace

std::unique_ptr<Command> ImagePull() { return std::make_unique<ImagePullCommand>(); }

}  // namespace banger::cli
