#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/commands/context.h"
#include "cli/errors.h"
#include "cli/remote/contexts.h"
#include "cli/ssh/pins.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class ContextRmCommand final : public Command {
 public:
  ContextRmCommand()
      : Command({.path = "context rm",
                 .summary = "Forget the gateway of another host",
                 .description =
                     "Your certificate and key stay, the ssh host keys of its VMs are forgotten. If it was\n"
                     "the current context, 'local' is now.",
                 .examples = {{"banger context rm lab", "lab is not known any more"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the context").complete = Names::kContexts;
  }

  absl::StatusOr<int> Run(Context&) override {
    const absl::Status removed = UpdateContexts([this](Contexts& contexts) -> absl::Status {
      const auto gone = std::remove_if(contexts.remotes.begin(), contexts.remotes.end(),
                                       [this](const RemoteContext& remote) { return remote.name == name_; });
      if (gone == contexts.remotes.end()) return ContextNotFound(name_);
      contexts.remotes.erase(gone, contexts.remotes.end());
      if (contexts.current == name_) contexts.current = kLocalContext;
      return absl::OkStatus();
    });
    if (!removed.ok()) return Annotate(removed, absl::StrCat("remove context '", name_, "'"));
    ForgetPinsOf(name_);
    return kExitOk;
  }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Command> ContextRm() { return std::make_unique<ContextRmCommand>(); }

}  // namespace banger::cli
