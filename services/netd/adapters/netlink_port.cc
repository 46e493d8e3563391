// Ports of bridges, for which libnl-route has no calls.
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/neighbour.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "services/netd/adapters/netlink.h"

namespace banger::netd {
namespace {

struct Deleter {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
  void operator()(rtnl_neigh* neighbour) const { rtnl_neigh_put(neighbour); }
  void operator()(nl_addr* address) const { nl_addr_put(address); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

absl::Status Check(int error, const Link& port) {
  if (error >= 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("set up bridge port '", port.name, "': ", nl_geterror(error)));
}

// As `ip link set PORT type bridge_slave learning off flood off` sends it.
Owned<nl_msg> PortFlags(const Link& port) {
  Owned<nl_msg> message(nlmsg_alloc_simple(RTM_NEWLINK, 0));
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = port.index;
  bool fits = message != nullptr && nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO) == 0;
  nlattr* const info = fits ? nla_nest_start(message.get(), IFLA_LINKINFO) : nullptr;
  fits = info != nullptr && nla_put_string(message.get(), IFLA_INFO_SLAVE_KIND, "bridge") == 0;
  nlattr* const data = fits ? nla_nest_start(message.get(), IFLA_INFO_SLAVE_DATA) : nullptr;
  fits = data != nullptr && nla_put_u8(message.get(), IFLA_BRPORT_LEARNING, 0) == 0 &&
         nla_put_u8(message.get(), IFLA_BRPORT_UNICAST_FLOOD, 0) == 0;
  if (!fits) return nullptr;
  nla_nest_end(message.get(), data);
  nla_nest_end(message.get(), info);
  return message;
}

}  // namespace

absl::Status Netlink::BindMacToPort(const Link& port, const Mac& mac) {
  Owned<nl_msg> flags = PortFlags(port);
  const Owned<rtnl_neigh> entry(rtnl_neigh_alloc());
  const Owned<nl_addr> address(nl_addr_build(AF_LLC, mac.bytes().data(), mac.bytes().size()));
  if (flags == nullptr || entry == nullptr || address == nullptr) return Check(-NLE_NOMEM, port);
  // Sends, frees, and waits for the kernel's word.
  if (const absl::Status set = Check(nl_send_sync(socket_.get(), flags.release()), port); !set.ok())
    return set;
  rtnl_neigh_set_family(entry.get(), AF_BRIDGE);
  rtnl_neigh_set_ifindex(entry.get(), port.index);
  rtnl_neigh_set_lladdr(entry.get(), address.get());
  rtnl_neigh_set_flags(entry.get(), NTF_MASTER);
  rtnl_neigh_set_state(entry.get(), NUD_NOARP);  // of the bridge's table: static
  return Check(rtnl_neigh_add(socket_.get(), entry.get(), NLM_F_CREATE | NLM_F_REPLACE), port);
}

}  // namespace banger::netd
