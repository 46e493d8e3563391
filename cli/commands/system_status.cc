#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/output/streams.h"
#include "cli/output/table.h"
#include "cli/system/systemd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

std::string UnitsTable(const std::vector<UnitState>& states) {
  Table table({"UNIT", "STATE", "PID", "SINCE"});
  for (const UnitState& state : states)
    table.AddRow({state.unit, absl::StrCat(state.active, " (", state.sub, ")"),
                  state.pid == "0" ? "" : state.pid, state.since});
  return table.Render();
}

std::string UnitsJson(const std::vector<UnitState>& states) {
  nlohmann::ordered_json units = nlohmann::ordered_json::array();
  for (const UnitState& state : states)
    units.push_back({{"unit", state.unit},
                     {"active", state.active},
                     {"sub", state.sub},
                     {"pid", state.pid},
                     {"since", state.since}});
  return nlohmann::ordered_json{{"units", units}}.dump(2) + "\n";
}

class SystemStatusCommand final : public Command {
 public:
  SystemStatusCommand()
      : Command({.path = "system status",
                 .summary = "Show the daemons as this host's systemd runs them",
                 .description = "The exit code is 0 when all of them run, else 1.",
                 .examples = {{"banger system status", "one line for each daemon"},
                              {"banger system status --format json", "for programs"}}}) {}

  void Declare(Flags& flags) override {
    flags.Choice("--format", "FORMAT", format_, {"table", "json"}, "how to print, default table");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const Systemd systemd("/");
    BANGER_RETURN_IF_ERROR(Annotate(systemd.Check(), "look at the daemons"));
    const auto states = UnitStates(systemd, context.client.stop());
    if (!states.ok()) return Annotate(states.status(), "look at the daemons");
    BANGER_RETURN_IF_ERROR(WriteStdout(format_ == "json" ? UnitsJson(*states) : UnitsTable(*states)));
    for (const UnitState& state : *states)
      if (state.active != "active") return kExitFailed;
    return kExitOk;
  }

 private:
  std::string format_ = "table";
};

class SystemRestartCommand final : public Command {
 public:
  SystemRestartCommand()
      : Command({.path = "system restart",
                 .summary = "Restart the daemons; VMs go on running",
                 .description = "As 'systemctl restart banger.target', and waits until they serve.",
                 .examples = {{"sudo banger system restart", "after a change of the configuration"}}}) {}

  void Declare(Flags&) override {}

  absl::StatusOr<int> Run(Context& context) override {
    const Systemd systemd("/");
    absl::Status restarted = systemd.CheckMayChange();
    if (restarted.ok()) restarted = RestartDaemons(systemd, context.client.stop());
    if (!restarted.ok()) return Annotate(restarted, "restart the daemons");
    return kExitOk;
  }
};

}  // namespace

std::unique_ptr<Command> SystemStatus() { return std::make_unique<SystemStatusCommand>(); }
std::unique_ptr<Command> SystemRestart() { return std::make_unique<SystemRestartCommand>(); }

}  // namespace banger::cli
