#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/vm_batch.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using vm::v1::GetVmListenersResponse;
using vm::v1::Listener;

void AddRows(const GetVmListenersResponse& response, Table& table) {
  for (const Listener& listener : response.listeners()) {
    const bool udp = listener.protocol() == vm::v1::PublishedPort::PROTOCOL_UDP;
    const bool v6 = listener.address().find(':') != std::string::npos;
    const std::string process =
        listener.pid() == 0 ? "" : absl::StrCat(listener.process(), " (", listener.pid(), ")");
    table.AddRow(
        {IdOf(response.name()), udp ? "udp" : "tcp",
         absl::StrCat(v6 ? "[" : "", OneLine(listener.address()), v6 ? "]" : "", ":", listener.port()),
         OneLine(process), listener.endpoint(), absl::StrJoin(listener.published(), " ")});
  }
}

class VmPortsCommand final : public Command {
 public:
  VmPortsCommand()
      : Command({.path = "vm ports",
                 .summary = "Show who listens in VMs",
                 .description =
                     "ENDPOINT is where this host and allowed VMs reach it; what is only on the guest's\n"
                     "loopback has none, but can be published with 'vm port add'.",
                 .examples = {{"banger vm ports web", "what web serves"},
                              {"banger vm ports web db --format json", "the API's messages, one a VM"}}}) {}

  void Declare(Flags& flags) override {
    DeclareVms(flags, vms_);
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    Table table({"VM", "PROTOCOL", "LISTENS ON", "PROCESS", "ENDPOINT", "PUBLISHED"});
    for (const std::string& vm : vms_) {
      vm::v1::GetVmListenersRequest request;
      request.set_name(VmName(vm));
      const auto response = context.client.Unary(&vm::v1::VmService::Stub::GetVmListeners, request);
      if (!response.ok()) return Annotate(response.status(), absl::StrCat("show ports of vm '", vm, "'"));
      if (format_ == "json") {
        BANGER_RETURN_IF_ERROR(PrintJson(*response));
      } else {
        AddRows(*response, table);
      }
    }
    if (format_ == "table") BANGER_RETURN_IF_ERROR(WriteStdout(table.Render()));
    return kExitOk;
  }

 private:
  std::vector<std::string> vms_;
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> VmPorts() { return std::make_unique<VmPortsCommand>(); }

}  // namespace banger::cli
