#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/commands/context.h"
#include "cli/commands/context_json.h"
#include "cli/errors.h"
#include "cli/output/streams.h"
#include "cli/output/table.h"
#include "cli/remote/certificate.h"
#include "cli/remote/contexts.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

// When its certificate ends, or what is wrong with that.
std::string Expiry(const RemoteContext& remote) {
  const auto expiry = ExpiryOf(remote.cert);
  if (!expiry.ok()) return std::string(expiry.status().message());
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", absl::FromChrono(*expiry), absl::UTCTimeZone());
}

std::string AsTable(const Contexts& contexts) {
  Table table({"NAME", "CURRENT", "ADDRESS", "CERTIFICATE UNTIL"});
  const auto current = [&](const std::string& name) { return name == contexts.current ? "*" : ""; };
  table.AddRow({kLocalContext, current(kLocalContext), "this host", ""});
  for (const RemoteContext& remote : contexts.remotes)
    table.AddRow({remote.name, current(remote.name), remote.address, Expiry(remote)});
  return table.Render();
}

std::string AsJson(const Contexts& contexts) {
  nlohmann::json entries = nlohmann::json::array();
  for (const RemoteContext& remote : contexts.remotes) entries.push_back(ContextJson(remote));
  return nlohmann::json{{"current", contexts.current}, {"contexts", entries}}.dump(2) + "\n";
}

class ContextListCommand final : public Command {
 public:
  ContextListCommand()
      : Command({.path = "context list",
                 .summary = "List the gateways that are known",
                 .description = "",
                 .examples = {{"banger context list", "which there are, and which is the current one"}}}) {}

  void Declare(Flags& flags) override {
    flags.Choice("--format", "FORMAT", format_, {"table", "json"}, "how to print, default table");
  }

  absl::StatusOr<int> Run(Context&) override {
    const absl::StatusOr<Contexts> contexts = LoadContexts();
    if (!contexts.ok()) return Annotate(contexts.status(), "list contexts");
    BANGER_RETURN_IF_ERROR(WriteStdout(format_ == "json" ? AsJson(*contexts) : AsTable(*contexts)));
    return kExitOk;
  }

 private:
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> ContextList() { return std::make_unique<ContextListCommand>(); }

}  // namespace banger::cli
