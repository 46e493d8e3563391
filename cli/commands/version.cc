#include "common/version/version.h"
#include "absl/strings/str_cat.h"
#include "banger/system/v1/system_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class VersionCommand final : public Command {
 public:
  VersionCommand()
      : Command({.path = "version",
                 .summary = "Print the versions of banger and of its daemons",
                 .description = "Warns when they differ. 'banger --version' asks no daemon.",
                 .examples = {{"banger version", "one line for each program"}}}) {}

  void Declare(Flags&) override {}

  absl::StatusOr<int> Run(Context& context) override {
    const BuildInfo& build = GetBuildInfo();
    Table table({"PROGRAM", "VERSION", "COMMIT", "BUILT"});
    table.AddRow({"banger", build.version, build.commit, build.time});
    const auto daemons =
        context.client.Unary(&system::v1::SystemService::Stub::ListDaemons, system::v1::ListDaemonsRequest());
    if (daemons.ok())
      for (const system::v1::Daemon& daemon : daemons->daemons())
        table.AddRow({IdOf(daemon.name()), daemon.version(), daemon.commit(), daemon.build_time()});
    // What we know of ourselves is printed in any case.
    BANGER_RETURN_IF_ERROR(WriteStdout(table.Render()));
    if (!daemons.ok()) return Annotate(daemons.status(), "ask the daemons for their versions");
    for (const system::v1::Daemon& daemon : daemons->daemons()) Compare(build, daemon);
    return kExitOk;
  }

 private:
  static void Compare(const BuildInfo& build, const system::v1::Daemon& daemon) {
    const std::string id = OneLine(IdOf(daemon.name()));
    if (!daemon.error().empty()) {
      Warn(absl::StrCat(id, " does not answer: ", OneLine(daemon.error())));
    } else if (daemon.version() != build.version || daemon.commit() != build.commit) {
      Warn(absl::StrCat(id, " is of another build than banger itself; restart it, or install both from one"));
    }
  }
};

}  // namespace

std::unique_ptr<Command> Version() { return std::make_unique<VersionCommand>(); }

}  // namespace banger::cli
