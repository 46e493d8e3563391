#include "banger/system/v1/system_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/network_table.h"
#include "cli/errors.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class SystemNetworkCommand final : public Command {
 public:
  SystemNetworkCommand()
      : Command({.path = "system network",
                 .summary = "Show the VMs' network as it is on this host",
                 .description =
                     "The bridge, the way out, the rules, DNS, and each VM with its address, tap,\n"
                     "policy and published ports. Where banger-netd does not run there is none:\n"
                     "VMs have user-mode networks then.",
                 .examples = {{"banger system network", "all of it"},
                              {"banger system network --format json", "for programs"}}}) {}

  void Declare(Flags& flags) override { DeclareFormat(flags, format_); }

  absl::StatusOr<int> Run(Context& context) override {
    const auto network =
        context.client.Unary(&system::v1::SystemService::Stub::GetNetwork, system::v1::GetNetworkRequest());
    if (!network.ok()) return Annotate(network.status(), "show the network");
    for (const std::string& warning : network->warnings()) Warn(OneLine(warning));
    BANGER_RETURN_IF_ERROR(format_ == "json"
                               ? PrintJson(*network)
                               : WriteStdout(NetworkTable(*network, std::chrono::system_clock::now())));
    return kExitOk;
  }

 private:
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> SystemNetwork() { return std::make_unique<SystemNetworkCommand>(); }

}  // namespace banger::cli
