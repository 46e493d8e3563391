#include "absl/strings/str_cat.h"
#include "cli/commands/context.h"
#include "cli/errors.h"
#include "cli/remote/contexts.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class ContextUseCommand final : public Command {
 public:
  ContextUseCommand()
      : Command(
            {.path = "context use",
             .summary = "Make a context the current one",
             .description =
                 "Commands speak to it from now on, unless --context or BANGER_CONTEXT names another, or\n"
                 "BANGER_SOCKET a socket of this host.",
             .examples = {{"banger context use lab", "speak to lab's gateway"},
                          {"banger context use local", "speak to this host's own again"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", name_, "the context; 'local' is this host").complete = Names::kContexts;
  }

  absl::StatusOr<int> Run(Context&) override {
    const absl::Status used = UpdateContexts([this](Contexts& contexts) -> absl::Status {
      if (name_ != kLocalContext && contexts.Find(name_) == nullptr) return ContextNotFound(name_);
      contexts.current = name_;
      return absl::OkStatus();
    });
    if (!used.ok()) return Annotate(used, absl::StrCat("use context '", name_, "'"));
    return kExitOk;
  }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Command> ContextUse() { return std::make_unique<ContextUseCommand>(); }

}  // namespace banger::cli
