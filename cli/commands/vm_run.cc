#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/guest_command.h"
#include "cli/commands/new_vm.h"
#include "cli/commands/prepare_workspace.h"
#include "cli/commands/workspace_flags.h"
#include "cli/errors.h"
#include "cli/exec/session.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "cli/ssh/pins.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class VmRunCommand final : public Command {
 public:
  VmRunCommand()
      : Command(
            {.path = "vm run",
             .summary = "Make a VM and run a command or a shell in it",
             .description =
                 "With PATH: in the git repository that PATH is in, taken along to /root/NAME with the "
                 "files\n"
                 "that git tracks, as 'vm workspace prepare' does; get the work back with 'vm workspace\n"
                 "export'.\n"
                 "Without CMD: a login shell, with a terminal when we have one, else reading our stdin.\n"
                 "With CMD: it runs as it is given; its output is streamed and its exit code is ours; as\n"
                 "with docker, stdin is forwarded only with -i. With --entrypoint: what the image is made\n"
                 "to run, as 'docker run' does; its Env, WorkingDir and User hold in any case where no\n"
                 "flag says otherwise. The VM goes on running afterwards unless --rm is given, which\n"
                 "deletes it whatever happens, also after Ctrl-C, SIGTERM or SIGHUP. Only a VM that never\n"
                 "became ready is kept, for its log.",
             .examples = {
                 {"banger vm run", "a shell in a fresh VM"},
                 {"banger vm run ./repo --rm -- make test", "the repository's tests, somewhere else"},
                 {"banger vm run --rm -- uname -a", "one command, then nothing is left"},
                 {"banger vm run --image deb --name box", "with an image and a name"},
                 {"banger vm run --image app --entrypoint --rm", "what the image is made to run"},
                 {"banger vm run -d --name web", "only start it"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("PATH", path_, "in a git repository to take along").required = false;
    DeclareNewVm(flags, vm_);
    DeclareWorkspace(flags, workspace_);
    flags.Switch("--rm", remove_, "delete the VM afterwards");
    flags.Switch("-d,--detach", detach_, "print its name as soon as it is ready, and leave it running");
    DeclareGuestCommand(flags, command_);
    flags.Rest("CMD...", command_.argv, "the command and its arguments; no shell sees them");
  }

  absl::StatusOr<int> Run(Context& context) override {
    BANGER_ASSIGN_OR_RETURN(const exec::v1::Command command, Check());
    BANGER_ASSIGN_OR_RETURN(const std::optional<PreparedWorkspace> prepared, ReadPath(context.client));
    if (prepared.has_value() && workspace_.dry_run) {
      BANGER_RETURN_IF_ERROR(PrintDryRun(*prepared));
      return kExitOk;
    }
    BANGER_RETURN_IF_ERROR(CheckEntrypoint(context.client));
    BANGER_ASSIGN_OR_RETURN(const vm::v1::Vm vm, CreateVm(context.client, vm_));
    const std::string id = IdOf(vm.name());
    const absl::Status brought =
        prepared.has_value() ? BringWorkspace(context, id, *prepared, workspace_) : absl::OkStatus();
    if (!brought.ok()) {
      if (remove_) return Remove(context.client, vm, brought);
      Note(absl::StrCat("vm '", id, "' is still running"));
      return brought;
    }
    if (detach_) {
      BANGER_RETURN_IF_ERROR(WriteStdout(id + "\n"));
      return kExitOk;
    }
    absl::StatusOr<int> exit_code = RunInVm(context.client, context.signals, vm.name(), command);
    if (!exit_code.ok()) exit_code = Annotate(exit_code.status(), absl::StrCat("run in vm '", id, "'"));
    if (remove_) return Remove(context.client, vm, std::move(exit_code));
    if (IsShell())
      Note(absl::StrCat("vm '", id, "' is still running: enter it with 'banger vm exec -it ", id,
                        "', stop it with 'banger vm stop ", id, "'"));
    return exit_code;
  }

 private:
  bool IsShell() const { return command_.argv.empty() && !command_.entrypoint; }

  // All that can be refused before there is a VM.
  absl::StatusOr<exec::v1::Command> Check() {
    if (detach_ && remove_) return UsageError("vm run: --detach and --rm exclude each other");
    if (detach_ && IsGiven(command_))
      return UsageError("vm run: --detach only starts it: it takes no command and no flag for one");
    if (IsShell()) {
      command_.interactive = true;
      command_.tty = command_.tty || (::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1);
    }
    if (const std::string given = FirstGiven(workspace_); path_.empty() && !given.empty())
      return UsageError(absl::StrCat("vm run: ", given, " needs PATH, a git repository"));
    absl::StatusOr<exec::v1::Command> command = ToProto(command_);
    if (!command.ok()) return Annotate(command.status(), "vm run");
    return command;
  }

  // The repository, before there is a VM.
  absl::StatusOr<std::optional<PreparedWorkspace>> ReadPath(const Client& client) const {
    if (path_.empty()) return std::optional<PreparedWorkspace>();
    const std::string what = absl::StrCat("vm run '", path_, "'");
    absl::StatusOr<PreparedWorkspace> prepared = ReadWorkspace(path_, workspace_, client.stop());
    if (absl::IsNotFound(prepared.status()))
      return UsageError(
          absl::StrCat("vm run: no '", path_, "' here: PATH is a git repository; put a command after '--'"));
    if (!prepared.ok()) return Annotate(prepared.status(), what);
    const bool nat = vm_.nat || (!vm_.egress.empty() && vm_.egress != "none");
    if (!workspace_.dry_run)
      BANGER_RETURN_IF_ERROR(Annotate(CheckWayOut(*prepared, workspace_, nat, "--nat"), what));
    return std::optional(*std::move(prepared));
  }

  // Of an image that is here already; of another one the guest will tell.
  absl::Status CheckEntrypoint(Client& client) const {
    if (!command_.entrypoint || vm_.image.empty()) return absl::OkStatus();
    image::v1::GetImageRequest request;
    request.set_name(ImageName(ImageIdFor(vm_.image)));
    const auto response = client.Unary(&image::v1::ImageService::Stub::GetImage, request);
    if (!response.ok() || response->image().config().entrypoint_size() > 0 ||
        response->image().config().cmd_size() > 0)
      return absl::OkStatus();
    return ApiError(absl::StatusCode::kFailedPrecondition, "IMAGE_CONFIG_UNUSABLE",
                    absl::StrCat("vm run: image '", vm_.image, "' has neither Entrypoint nor Cmd"));
  }

  // Also when the user wants out: nothing that --rm made may stay.
  static absl::StatusOr<int> Remove(const Client& client, const vm::v1::Vm& vm,
                                    absl::StatusOr<int> exit_code) {
    const std::string id = IdOf(vm.name());
    vm::v1::DeleteVmRequest request;
    // The uid is never used twice: another VM of that name is not ours.
    request.set_name(VmName(vm.uid().empty() ? id : vm.uid()));
    request.set_force(true);
    const absl::Status removed =
        client.WithoutStop()
            .Unary(&vm::v1::VmService::Stub::DeleteVm, request, std::chrono::minutes(2))
            .status();
    // Somebody else may have been quicker.
    if (removed.ok() || absl::IsNotFound(removed)) {
      ForgetPin(id);
      return exit_code;
    }
    Warn(absl::StrCat("vm '", id, "' is left: ", removed.message(),
                      "; remove it with 'banger vm delete --force ", id, "'"));
    return exit_code;
  }

  std::string path_;
  NewVm vm_;
  WorkspaceFlags workspace_;
  GuestCommand command_;
  bool remove_ = false;
  bool detach_ = false;
};

}  // namespace

std::unique_ptr<Command> VmRun() { return std::make_unique<VmRunCommand>(); }

}  // namespace banger::cli
