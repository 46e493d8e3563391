#include "services/agent/configure.h"

#include <chrono>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/boot_warnings.h"
#include "services/agent/adapters/guest_setup.h"
#include "services/agent/adapters/identity.h"
#include "services/agent/adapters/network.h"

namespace banger::agent {
namespace v1 = guest::v1;
namespace {

InterfaceSettings FromProto(const v1::Interface& interface) {
  return {.mac = interface.mac(),
          .address = interface.address(),
          .gateway = interface.gateway(),
          .mtu = interface.mtu(),
          .ipv6_address = interface.ipv6_address(),
          .ipv6_gateway = interface.ipv6_gateway(),
          .previous_mac = interface.previous_mac()};
}

std::chrono::system_clock::time_point FromProto(const google::protobuf::Timestamp& time) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::seconds(time.seconds()) + std::chrono::nanoseconds(time.nanos())));
}

// Another VM's memory or disks have become this one's.
absl::Status BecomeVm(const std::string& vm_uid) {
  BANGER_ASSIGN_OR_RETURN(const bool taken, TakeIdentity(vm_uid));
  if (taken) RenewRunningHostKeys();
  return absl::OkStatus();
}

}  // namespace

v1::ConfigureResponse Configure(const v1::ConfigureRequest& request) {
  v1::ConfigureResponse response;
  for (const std::string& warning : BootWarnings()) response.add_warnings(warning);
  const auto note = [&response](const absl::Status& status) {
    if (!status.ok()) response.add_warnings(std::string(status.message()));
  };
  if (request.has_time()) note(SetClock(FromProto(request.time())));
  // Before all that draws random numbers.
  if (!request.entropy().empty()) note(Reseed(request.entropy()));
  if (!request.vm_uid().empty()) note(BecomeVm(request.vm_uid()));
  if (request.has_interface()) note(ConfigureInterface(FromProto(request.interface())));
  if (!request.hostname().empty()) {
    const std::string cidr = request.interface().address();
    note(SetHostname(request.hostname(), cidr.substr(0, cidr.find('/'))));
  }
  if (request.nameservers_size() > 0)
    note(SetNameservers({request.nameservers().begin(), request.nameservers().end()}));
  for (const v1::File& file : request.files()) note(WriteGuestFile(file.path(), file.content(), file.mode()));
  return response;
}

ExecDefaults ReadExecDefaults(const v1::ExecDefaults& image, v1::ConfigureResponse& response) {
  UsableEnvironment env = KeepUsable({image.env().begin(), image.env().end()});
  if (!env.problem.ok())
    response.add_warnings(absl::StrCat("the image's ", env.problem.message(), ": it is left out"));
  return {.env = std::move(env.entries),
          .working_dir = image.working_dir(),
          .user = image.user(),
          .entrypoint = {image.entrypoint().begin(), image.entrypoint().end()},
          .cmd = {image.cmd().begin(), image.cmd().end()}};
}

}  // namespace banger::agent
