#include "services/netd/adapters/linux_router.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

std::string ForwardingFile(const std::string& interface) {
  return absl::StrCat("/proc/sys/net/ipv4/conf/", interface, "/forwarding");
}

absl::StatusOr<bool> ReadForwarding(const std::string& interface) {
  const absl::StatusOr<std::string> text = ReadFile(ForwardingFile(interface));
  if (absl::IsNotFound(text.status())) return false;
  if (!text.ok()) return text.status();
  return absl::StartsWith(*text, "1");
}

}  // namespace

absl::StatusOr<std::unique_ptr<LinuxRouter>> LinuxRouter::Create() {
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<Netlink> netlink, Netlink::Connect());
  return std::unique_ptr<LinuxRouter>(new LinuxRouter(std::move(netlink)));
}

// A host may have several: in tables of their own (policy routing, as VPNs use
// it), in halves, by several next hops. Of those in the main table only the best
// is used.
absl::StatusOr<std::set<std::string>> LinuxRouter::Uplinks() {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Route> routes, netlink_->Routes());
  std::uint32_t best = std::numeric_limits<std::uint32_t>::max();
  for (const Route& route : routes)
    if (route.prefix_length == 0 && route.is_main) best = std::min(best, route.metric);
  std::set<int> used;
  for (const Route& route : routes) {
    const bool is_default = route.prefix_length == 0 && (!route.is_main || route.metric == best);
    if (is_default || route.prefix_length == 1) used.insert(route.link);
  }
  used.erase(0);  // routes without an interface
  std::set<std::string> uplinks;
  for (const int index : used) {
    const absl::StatusOr<Link> link = netlink_->FindLink(index);
    if (absl::IsNotFound(link.status())) continue;  // it has just gone, and its route
    if (!link.ok()) return link.status();
    uplinks.insert(link->name);
  }
  return uplinks;
}

absl::StatusOr<bool> LinuxRouter::Forwards(const std::string& interface) { return ReadForwarding(interface); }

absl::StatusOr<bool> LinuxRouter::ForwardsEverywhere() { return ReadForwarding("all"); }

absl::Status LinuxRouter::SetForwarding(const std::string& interface, bool on) {
  const absl::StatusOr<UniqueFd> fd = OpenFile(ForwardingFile(interface), O_WRONLY);
  if (absl::IsNotFound(fd.status())) return absl::OkStatus();
  if (!fd.ok()) return fd.status();
  return Annotate(WriteFully(fd->get(), on ? "1" : "0"), absl::StrCat("set forwarding of '", interface, "'"));
}

}  // namespace banger::netd
