#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/prepare_workspace.h"
#include "cli/commands/workspace_flags.h"
#include "cli/errors.h"
#include "cli/output/file_mode.h"
#include "cli/output/streams.h"
#include "cli/workspace/export.h"
#include "common/os/new_file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class VmWorkspaceCommand final : public Command {
 public:
  VmWorkspaceCommand()
      : Command(
            {.path = "vm workspace",
             .summary = "Take a repository into a VM, and what was done there out of it",
             .description =
                 "'prepare' takes the git repository at PATH (default: here) to /root/NAME: its history, "
                 "and\n"
                 "the files that git tracks as they lie here, changes and all. Commands of 'vm exec' run\n"
                 "there from then on. 'export' gives all that differs there from the commit it began at, as\n"
                 "a patch for 'git apply': commits, changes, and new files that git does not ignore. It "
                 "needs\n"
                 "git in the VM. Of submodules that came along their files are in it, not their commits.",
             .examples = {
                 {"banger vm workspace prepare box ~/src/app --branch fix", "on a branch of its own"},
                 {"banger vm workspace prepare box --dry-run", "what would travel"},
                 {"banger vm workspace export box | git apply", "its work into this repository"},
                 {"banger vm workspace export box -o work.patch", "into a file"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("ACTION", action_, "what to do").choices = {"prepare", "export"};
    flags.Argument("VM", vm_, "name, id, or the beginning of an id").complete = Names::kVms;
    flags.Argument("PATH", path_, "in the repository; default: .").required = false;
    DeclareWorkspace(flags, workspace_);
    flags.Text("-o,--output", "FILE", output_, "of export: where to write the patch; default: stdout");
    flags.Text("--base-commit", "COMMIT", base_, "of export: since when; default: what it began at");
  }

  absl::StatusOr<int> Run(Context& context) override {
    return action_ == "prepare" ? Prepare(context) : Export(context.client);
  }

 private:
  absl::StatusOr<int> Prepare(Context& context) const {
    if (!output_.empty() || !base_.empty())
      return UsageError("vm workspace prepare: --output and --base-commit are export's");
    const std::string path = path_.empty() ? "." : path_;
    if (!workspace_.dry_run) {
      BANGER_RETURN_IF_ERROR(PrepareWorkspace(context, vm_, path, workspace_));
      return kExitOk;
    }
    const auto prepared = ReadWorkspace(path, workspace_, context.client.stop());
    if (!prepared.ok()) return Annotate(prepared.status(), absl::StrCat("prepare '", path, "'"));
    BANGER_RETURN_IF_ERROR(PrintDryRun(*prepared));
    return kExitOk;
  }

  absl::StatusOr<int> Export(Client& client) const {
    const std::string given = FirstGiven(workspace_);
    if (!given.empty() || !path_.empty())
      return UsageError(
          absl::StrCat("vm workspace export: ", given.empty() ? "PATH" : given, " is prepare's"));
    const std::string what = absl::StrCat("export the workspace of vm '", vm_, "'");
    bool empty = true;
    std::optional<NewFile> file;
    if (!output_.empty() && output_ != "-") {
      absl::StatusOr<NewFile> created = NewFile::Create(output_);
      if (!created.ok()) return Annotate(created.status(), what);
      file.emplace(*std::move(created));
    }
    const absl::Status written = ExportWorkspace(client, vm_, base_, [&](absl::string_view bytes) {
      empty = false;
      return file.has_value() ? file->Write(bytes) : WriteStdout(bytes);
    });
    if (!written.ok()) return Annotate(written, what);
    if (file.has_value()) BANGER_RETURN_IF_ERROR(file->Finish(NewFileMode()));
    if (empty) Note("nothing differs there");
    return kExitOk;
  }

  std::string action_;
  std::string vm_;
  std::string path_;
  std::string output_;
  std::string base_;
  WorkspaceFlags workspace_;
};

}  // namespace

std::unique_ptr<Command> VmWorkspace() { return std::make_unique<VmWorkspaceCommand>(); }

}  // namespace banger::cli
