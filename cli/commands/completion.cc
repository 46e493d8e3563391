#include "cli/completion.h"

#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/output/streams.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class CompletionCommand final : public Command {
 public:
  CompletionCommand()
      : Command({.path = "completion",
                 .summary = "Print a completion script for a shell",
                 .description = "It completes commands, flags, and the names of VMs, images and kernels.",
                 .examples = {{"source <(banger completion bash)", "for this bash"},
                              {"banger completion zsh > \"${fpath[1]}/_banger\"", "for every zsh"},
                              {"banger completion fish > ~/.config/fish/completions/banger.fish",
                               "for every fish"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("SHELL", shell_, "bash, zsh or fish").choices = {"bash", "zsh", "fish"};
  }

  absl::StatusOr<int> Run(Context&) override {
    const CommandTable table = MakeCommandTable();
    BANGER_RETURN_IF_ERROR(WriteStdout(shell_ == "bash"  ? BashCompletion(table)
                                       : shell_ == "zsh" ? ZshCompletion(table)
                                                         : FishCompletion(table)));
    return kExitOk;
  }

 private:
  std::string shell_;
};

}  // namespace

std::unique_ptr<Command> Completion() { return std::make_unique<CompletionCommand>(); }

}  // namespace banger::cli
