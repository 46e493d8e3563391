#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/commands/context.h"
#include "cli/commands/context_json.h"
#include "cli/errors.h"
#include "cli/output/streams.h"
#include "cli/remote/contexts.h"
#include "common/config/paths.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class ContextShowCommand final : public Command {
 public:
  ContextShowCommand()
      : Command({.path = "context show",
                 .summary = "Show a gateway as JSON",
                 .description = "Without NAME the one that commands speak to from here.",
                 .examples = {{"banger context show", "who would be asked now"},
                              {"banger context show lab", "its address, files and certificate"}}}) {}

  void Declare(Flags& flags) override {
    Flag& name = flags.Argument("NAME", name_, "the context");
    name.complete = Names::kContexts;
    name.required = false;
  }

  absl::StatusOr<int> Run(Context&) override {
    const absl::StatusOr<nlohmann::json> shown = Show();
    if (!shown.ok()) return Annotate(shown.status(), "show the context");
    BANGER_RETURN_IF_ERROR(WriteStdout(shown->dump(2) + "\n"));
    return kExitOk;
  }

 private:
  absl::StatusOr<nlohmann::json> Show() const {
    if (!name_.empty()) ChooseContext(name_);
    BANGER_ASSIGN_OR_RETURN(const std::optional<RemoteContext> remote, ChosenContext());
    if (remote.has_value()) return ContextJson(*remote);
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path socket, FindGatewaySocket());
    return nlohmann::json{{"name", kLocalContext}, {"socket", socket.string()}};
  }

  std::string name_;
};

}  // namespace

std::unique_ptr<Command> ContextShow() { return std::make_unique<ContextShowCommand>(); }

}  // namespace banger::cli
