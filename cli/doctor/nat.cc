#include "cli/doctor/nat.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/doctor/routes.h"
#include "cli/names.h"
#include "cli/output/text.h"

namespace banger::cli {
namespace {

using system::v1::GetNetworkResponse;

constexpr char kCheck[] = "nat way";
constexpr int kNoPing = 127;
// With what the guest's image has. Anything but "no such program" of ping's own is that
// there was no answer; a refused connection is one.
constexpr char kPing[] = R"sh(
for ping in ping "busybox ping"; do
  $ping -c 1 -W 3 "$1" >/dev/null 2>&1; code=$?
  [ $code = 127 ] || { [ $code = 0 ]; exit; }
done
command -v bash >/dev/null && command -v timeout >/dev/null || exit 127
case "$(timeout 5 bash -c "echo >/dev/tcp/$1/80" 2>&1)" in *refused*) exit 0;; esac
exit 1
)sh";

std::string Router(const GetNetworkResponse& view, absl::string_view routes) {
  const auto& uplinks = view.network().uplinks();
  for (const HostRoute& route : ParseRoutes(routes)) {
    if (route.mask != 0 || route.gateway == 0 ||
        std::find(uplinks.begin(), uplinks.end(), route.interface) == uplinks.end())
      continue;
    const in_addr address{htonl(route.gateway)};
    char text[INET_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET, &address, text, sizeof(text));
    return text;
  }
  return "";
}

// One that may send anywhere.
std::string VmWithNat(const GetNetworkResponse& view) {
  for (const system::v1::NetworkEndpoint& shown : view.endpoints()) {
    const network::v1::EndpointPolicy& policy = shown.endpoint().policy();
    const auto mode = policy.egress().mode();
    if (!shown.vm().empty() && !shown.endpoint().tap().empty() && policy.nat() &&
        (mode == egress::v1::Egress::MODE_ALL || mode == egress::v1::Egress::MODE_UNSPECIFIED))
      return IdOf(shown.vm());
  }
  return "";
}

std::string FromInside(const std::string& vm) {
  return absl::StrCat("look for another host from inside of it: banger vm exec ", vm, " -- sh");
}

}  // namespace

Finding CheckNat(const GetNetworkResponse& view, absl::string_view routes, const RunInVm& in_vm,
                 const RunOnHost& on_host) {
  const std::string vm = VmWithNat(view);
  if (vm.empty())
    return Warning(kCheck, "not tried: no VM on the network has NAT",
                   "banger vm create --nat, and banger doctor again");
  const std::string name = OneLine(vm);
  const std::string router = Router(view, routes);
  if (router.empty())
    return Warning(kCheck, "not tried: the host's default route has no router", FromInside(name));
  const absl::StatusOr<int> reached = in_vm(vm, {"sh", "-c", kPing, "sh", router});
  if (!reached.ok() || *reached == kNoPing)
    return Warning(kCheck,
                   absl::StrCat("'", name, "' cannot ping: ",
                                reached.ok() ? "its image has nothing for it"
                                             : OneLine(std::string(reached.status().message()))),
                   FromInside(name));
  if (*reached == 0) return Pass(kCheck, absl::StrCat("'", name, "' reaches the host's router, ", router));
  const absl::StatusOr<int> answers = on_host({"ping", "-c", "1", "-W", "3", router});
  if (!answers.ok())
    return Warning(kCheck,
                   absl::StrCat("'", name, "' does not reach the host's router, ", router,
                                "; whether the host does is not known: ",
                                OneLine(std::string(answers.status().message()))),
                   "sudo apt install iputils-ping");
  if (*answers == 0)
    return Failure(kCheck,
                   absl::StrCat("the host reaches its router, ", router, ", but '", name, "' does not"),
                   "banger system network; look for who else drops forwarded packets: sudo nft list ruleset");
  return Warning(kCheck,
                 absl::StrCat("the host's router, ", router, ", answers neither '", name, "' nor the host"),
                 FromInside(name));
}

}  // namespace banger::cli
