#include <map>
#include <set>

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
#include "common/status/status_macros.h"
#include "common/sync/mutex.h"

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
      : Command(
            {.path = "vm ports",
             .summary = "Show who listens in VMs",
             .description =
                 "ENDPOINT is where this host and allowed VMs reach it; what is only on the guest's\n"
                 "loopback has none, but can be published with 'vm port add'.",
             .examples = {{"banger vm ports web", "what web serves"},
                          {"banger vm ports web db --format json", "a line for each VM, for programs"}}}) {}

  void Declare(Flags& flags) override {
    DeclareVms(flags, vms_);
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    Mutex mutex;
    Found found;
    BANGER_ASSIGN_OR_RETURN(
        const int code,
        AskEachVm(context, vms_, "show ports of", [&, &client = context.client](const std::string& vm) {
          vm::v1::GetVmListenersRequest request;
          request.set_name(VmName(vm));
          BANGER_ASSIGN_OR_RETURN(GetVmListenersResponse response,
                                  client.Unary(&vm::v1::VmService::Stub::GetVmListeners, request));
          const MutexLock lock(mutex);
          found[vm].Swap(&response);
          return absl::OkStatus();
        }));
    BANGER_RETURN_IF_ERROR(Print(found));
    return code;
  }

 private:
  // By what the VM was called.
  using Found = std::map<std::string, GetVmListenersResponse>;

  absl::Status Print(const Found& found) const {
    // A VM may have been called by its name and by its id.
    std::set<std::string> shown;
    Table table({"VM", "PROTOCOL", "LISTENS ON", "PROCESS", "ENDPOINT", "PUBLISHED"});
    for (const std::string& vm : vms_) {
      const auto listeners = found.find(vm);
      if (listeners == found.end() || !shown.insert(listeners->second.name()).second) continue;
      if (format_ == "json") BANGER_RETURN_IF_ERROR(PrintJsonLine(listeners->second));
      AddRows(listeners->second, table);
    }
    return format_ == "json" || found.empty() ? absl::OkStatus() : WriteStdout(table.Render());
  }

  std::vector<std::string> vms_;
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> VmPorts() { return std::make_unique<VmPortsCommand>(); }

}  // namespace banger::cli
