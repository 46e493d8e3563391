#include <unistd.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/image_send.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;

class ImageBuildCommand final : public Command {
 public:
  ImageBuildCommand()
      : Command({.path = "image build",
                 .summary = "Make an image from a Dockerfile",
                 .description =
                     "The build is done by 'buildah', or else 'docker', with your rights; what it makes is\n"
                     "sent to the daemon. Neither comes with banger.",
                 .examples = {{"banger image build . -t app", "./Dockerfile, with this directory as context"},
                              {"banger image build . -f dev.Dockerfile -t app-dev", "another file"},
                              {"banger image build . --target test --build-arg V=2", "one stage of it"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("DIR", directory_, "the build context");
    flags.Text("-t,--name", "NAME", name_, "the name that the image gets; default: that of DIR");
    flags.Text("-f,--file", "FILE", file_, "the Dockerfile; default: DIR/Dockerfile");
    flags.List("--build-arg", "KEY=VALUE", build_args_, "sets an ARG of the Dockerfile");
    flags.Text("--target", "STAGE", target_, "the stage to stop at; default: the last one");
    flags
        .Text("--kernel-ref", "NAME", kernel_,
              "the kernel to boot it with; default: the best one at each start")
        .complete = Names::kKernels;
    flags.Size("--size", size_, "of the file system, as 4G; default: content x 1.5, at least 1G");
  }

  absl::StatusOr<int> Run(Context& context) override {
    if (name_.empty()) name_ = fs::weakly_canonical(directory_).filename().string();
    const std::string what = absl::StrCat("build image '", name_, "'");
    const absl::Status done = Build(context.client, what);
    if (!done.ok()) return Annotate(NothingKept(done), what);
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(name_, "\n")));
    return kExitOk;
  }

 private:
  absl::Status Build(Client& client, const std::string& what) const {
    if (!fs::is_directory(directory_))
      return absl::NotFoundError(absl::StrCat("'", directory_, "' is not a directory"));
    const fs::path file = file_.empty() ? fs::path(directory_) / "Dockerfile" : fs::path(file_);
    if (!fs::exists(file))
      return absl::NotFoundError(absl::StrCat("open '", file.string(), "': No such file or directory"));
    BANGER_RETURN_IF_ERROR(client.Connect());  // before minutes of work for nobody
    absl::StatusOr<TempDir> scratch = TempDir::Create();
    BANGER_RETURN_IF_ERROR(scratch.status());
    // Its name becomes the image's source.
    const fs::path archive = scratch->path() / fs::weakly_canonical(directory_).filename();
    BANGER_RETURN_IF_ERROR(RunBuilder(file, archive, client.stop()));
    BANGER_ASSIGN_OR_RETURN(const ImageUpload source, OpenImage(archive.string()));
    image::v1::ImportImageRequest::Spec spec;
    spec.set_name(ImageName(name_));
    if (!kernel_.empty()) spec.set_kernel(KernelName(kernel_));
    spec.set_size_bytes(size_.value_or(0));
    image::v1::Image image;
    return SendImage(client, source, spec, what, image);
  }

  // Leaves an archive of exactly one image; what the builder says goes to stderr.
  absl::Status RunBuilder(const fs::path& file, const fs::path& archive, const std::stop_token& stop) const {
    std::vector<std::vector<std::string>> steps;
    const std::string tag = absl::StrCat("banger-build-", ::getpid());
    if (FindProgram("buildah").ok()) {
      steps = {{"buildah", "build", "--format", "oci"},
               {"buildah", "push", "--quiet", tag, absl::StrCat("oci-archive:", archive.string())},
               {"buildah", "rmi", tag}};
    } else if (FindProgram("docker").ok()) {
      steps = {{"docker", "build"}, {"docker", "save", "-o", archive.string(), tag}, {"docker", "rmi", tag}};
    } else {
      return absl::FailedPreconditionError(
          "there is neither 'buildah' nor 'docker' to build with; install one of them (package buildah)");
    }
    std::vector<std::string>& build = steps[0];
    for (const std::string& argument : build_args_) build.insert(build.end(), {"--build-arg", argument});
    if (!target_.empty()) build.insert(build.end(), {"--target", target_});
    build.insert(build.end(), {"-f", file.string(), "-t", tag, directory_});
    absl::Status built = RunStep(build, stop);
    if (!built.ok()) return built;
    built = RunStep(steps[1], stop);
    // The builder's copy has served, whatever came of it.
    const absl::Status removed = RunStep(steps[2], {});
    return built.ok() ? removed : built;
  }

  static absl::Status RunStep(const std::vector<std::string>& argv, const std::stop_token& stop) {
    BANGER_ASSIGN_OR_RETURN(Subprocess process,
                            Subprocess::Start({.argv = argv, .stdout_fd = STDERR_FILENO}));
    BANGER_ASSIGN_OR_RETURN(const ExitStatus status, process.Wait(stop));
    if (status.success()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("'", argv[0], " ", argv[1], "' failed: ", status.ToString()));
  }

  std::string directory_;
  std::string name_;
  std::string file_;
  std::vector<std::string> build_args_;
  std::string target_;
  std::string kernel_;
  std::optional<std::int64_t> size_;
};

}  // namespace

std::unique_ptr<Command> ImageBuild() { return std::make_unique<ImageBuildCommand>(); }

}  // namespace banger::cli
