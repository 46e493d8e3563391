#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/network_flags.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "cli/output/table.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using vm::v1::PublishedPort;
using vm::v1::VmService;

class VmPortCommand final : public Command {
 public:
  VmPortCommand()
      : Command(
            {.path = "vm port",
             .summary = "Publish ports of a VM on the host",
             .description =
                 "PORT is [HOSTIP:]HOSTPORT:GUESTPORT[/udp] to add one, and its host's side\n"
                 "[HOSTIP:]HOSTPORT[/udp] to remove it; HOSTIP is 127.0.0.1 unless given. A port leads to\n"
                 "services on the guest's loopback as well as on its address, and stays over stops.",
             .examples = {{"banger vm port add web 8080:80", "http://127.0.0.1:8080"},
                          {"banger vm port add web 0.0.0.0:8080:80", "from everywhere"},
                          {"banger vm port add dns 5353:53/udp", "datagrams"},
                          {"banger vm port list web", "what is published"},
                          {"banger vm port rm web 8080", "no longer; its connections end"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("ACTION", action_, "what to do").choices = {"add", "rm", "list"};
    flags.Argument("VM", vm_, "name, id, or the beginning of an id").complete = Names::kVms;
    flags.Arguments("PORT", ports_, "as 8080:80; to remove one as 8080").required = false;
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    if (action_ == "list") return List(context.client);
    if (ports_.empty()) return UsageError(absl::StrCat("vm port ", action_, ": which PORT?"));
    // All are read before the first is sent.
    std::vector<PublishedPort> ports;
    for (const std::string& text : ports_) {
      BANGER_ASSIGN_OR_RETURN(const PublishedPort port,
                              action_ == "add" ? ParsePort(text) : ParseHostPort(text));
      ports.push_back(port);
    }
    for (std::size_t i = 0; i < ports.size(); ++i) {
      const absl::Status done =
          action_ == "add"
              ? Change<vm::v1::PublishPortRequest>(context.client, &VmService::Stub::PublishPort, ports[i])
              : Change<vm::v1::UnpublishPortRequest>(context.client, &VmService::Stub::UnpublishPort,
                                                     ports[i]);
      if (!done.ok()) return Annotate(done, absl::StrCat(action_, " port ", ports_[i], " of vm '", vm_, "'"));
    }
    return kExitOk;
  }

 private:
  template <typename Request, typename Method>
  absl::Status Change(Client& client, Method method, const PublishedPort& port) const {
    Request request;
    request.set_name(VmName(vm_));
    *request.mutable_port() = port;
    return client.Unary(method, request).status();
  }

  absl::StatusOr<int> List(Client& client) const {
    if (!ports_.empty()) return UsageError("vm port list takes no PORT");
    vm::v1::GetVmRequest request;
    request.set_name(VmName(vm_));
    const auto response = client.Unary(&VmService::Stub::GetVm, request);
    if (!response.ok()) return Annotate(response.status(), absl::StrCat("show vm '", vm_, "'"));
    if (format_ == "json") {
      vm::v1::Vm shown;
      shown.set_name(response->vm().name());
      *shown.mutable_published_ports() = response->vm().published_ports();
      BANGER_RETURN_IF_ERROR(PrintJson(shown));
      return kExitOk;
    }
    Table table({"HOST", "GUEST PORT", "PROTOCOL", "PROBLEM"});
    for (const PublishedPort& port : response->vm().published_ports())
      table.AddRow({absl::StrCat(port.host_address(), ":", port.host_port()), absl::StrCat(port.guest_port()),
                    port.protocol() == PublishedPort::PROTOCOL_UDP ? "udp" : "tcp", port.problem()});
    BANGER_RETURN_IF_ERROR(WriteStdout(table.Render()));
    return kExitOk;
  }

  std::string action_;
  std::string vm_;
  std::vector<std::string> ports_;
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> VmPort() { return std::make_unique<VmPortCommand>(); }

}  // namespace banger::cli
