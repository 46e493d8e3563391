#include "services/netd/adapters/netlink.h"

#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/route/addr.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

struct Deleter {
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
  void operator()(rtnl_addr* address) const { rtnl_addr_put(address); }
  void operator()(nl_addr* address) const { nl_addr_put(address); }
  void operator()(nl_cache* cache) const { nl_cache_free(cache); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

// `error` is a libnl one: negative on failure.
absl::Status Check(int error, const std::string& what) {
  if (error >= 0) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", nl_geterror(error));
  switch (-error) {
    case NLE_NODEV:
    case NLE_OBJ_NOTFOUND:
      return absl::NotFoundError(message);
    case NLE_NOMEM:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

std::string OrEmpty(const char* text) { return text != nullptr ? text : ""; }

std::string Describe(const Link& link) { return absl::StrCat("'", link.name, "'"); }

Link FromNl(rtnl_link* link) {
  char mac[32] = "";
  if (nl_addr* address = rtnl_link_get_addr(link); address != nullptr) nl_addr2str(address, mac, sizeof mac);
  return {.index = rtnl_link_get_ifindex(link),
          .name = OrEmpty(rtnl_link_get_name(link)),
          .kind = OrEmpty(rtnl_link_get_type(link)),
          .alias = OrEmpty(rtnl_link_get_ifalias(link)),
          .mac = absl::AsciiStrToLower(mac),
          .mtu = static_cast<int>(rtnl_link_get_mtu(link)),
          .master = rtnl_link_get_master(link),
          .up = (rtnl_link_get_flags(link) & IFF_UP) != 0,
          .carrier = rtnl_link_get_carrier(link) != 0};
}

int ToNl(Family family) { return family == Family::kIpv4 ? AF_INET : AF_INET6; }

Owned<nl_addr> ToNl(const IpAddress& address, int prefix_length) {
  const std::size_t size = static_cast<std::size_t>(AddressLength(address.family())) / 8;
  Owned<nl_addr> made(nl_addr_build(ToNl(address.family()), address.bytes().data(), size));
  nl_addr_set_prefixlen(made.get(), prefix_length);
  return made;
}

// All zero for none, as the destination of a default route has no bytes.
IpAddress FromNl(nl_addr* address, Family family) {
  IpAddress::Bytes bytes{};
  if (address != nullptr)
    std::memcpy(bytes.data(), nl_addr_get_binary_addr(address),
                std::min<std::size_t>(nl_addr_get_len(address), bytes.size()));
  if (family == Family::kIpv6) return IpAddress(bytes);
  return Ipv4(std::uint32_t{bytes[0]} << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3]);
}

// For its life requests are taken at their word, and refused when they are unclear.
class StrictRequests {
 public:
  explicit StrictRequests(nl_sock* socket) : socket_(socket) { Set(1); }
  ~StrictRequests() { Set(0); }

 private:
  void Set(int on) {
    ::setsockopt(nl_socket_get_fd(socket_), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  }

  nl_sock* const socket_;
};

// Every object of a dump as its type.
template <typename Object, typename Visit>
void ForEach(nl_cache* cache, Visit visit) {
  for (nl_object* object = nl_cache_get_first(cache); object != nullptr; object = nl_cache_get_next(object))
    visit(reinterpret_cast<Object*>(object));
}

}  // namespace

bool Route::IsDefault() const {
  const bool is_all_assigned =
      network.family() == Family::kIpv6 && network.length() == 3 && network.network().bytes()[0] == 0x20;
  return network.length() <= 1 || is_all_assigned;
}

absl::StatusOr<std::unique_ptr<Netlink>> Netlink::Connect() {
  std::unique_ptr<Netlink> netlink(new Netlink(nl_socket_alloc()));
  if (netlink->socket_ == nullptr) return absl::ResourceExhaustedError("allocate netlink socket");
  BANGER_RETURN_IF_ERROR(Check(nl_connect(netlink->socket_.get(), NETLINK_ROUTE), "connect to netlink"));
  return netlink;
}

absl::StatusOr<std::vector<Link>> Netlink::Links() {
  nl_cache* raw = nullptr;
  BANGER_RETURN_IF_ERROR(Check(rtnl_link_alloc_cache(socket_.get(), AF_UNSPEC, &raw), "list interfaces"));
  const Owned<nl_cache> cache(raw);
  std::vector<Link> links;
  ForEach<rtnl_link>(raw, [&](rtnl_link* link) { links.push_back(FromNl(link)); });
  return links;
}

absl::StatusOr<Link> Netlink::FindLink(const std::string& name) {
  rtnl_link* raw = nullptr;
  BANGER_RETURN_IF_ERROR(Check(rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &raw),
                               absl::StrCat("find interface '", name, "'")));
  const Owned<rtnl_link> link(raw);
  return FromNl(raw);
}

absl::StatusOr<Link> Netlink::FindLink(int index) {
  rtnl_link* raw = nullptr;
  BANGER_RETURN_IF_ERROR(Check(rtnl_link_get_kernel(socket_.get(), index, nullptr, &raw),
                               absl::StrCat("find interface number ", index)));
  const Owned<rtnl_link> link(raw);
  return FromNl(raw);
}

absl::Status Netlink::AddBridge(const std::string& name, const Mac& mac, int mtu) {
  const Owned<rtnl_link> link(rtnl_link_bridge_alloc());
  const Owned<nl_addr> address(nl_addr_build(AF_LLC, mac.bytes().data(), mac.bytes().size()));
  rtnl_link_set_name(link.get(), name.c_str());
  rtnl_link_set_addr(link.get(), address.get());
  rtnl_link_set_mtu(link.get(), mtu);
  return Check(rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL),
               absl::StrCat("create bridge '", name, "'"));
}

absl::Status Netlink::SetLink(const Link& link, const LinkChanges& changes) {
  const Owned<rtnl_link> target(rtnl_link_alloc());
  const Owned<rtnl_link> wanted(rtnl_link_alloc());
  rtnl_link_set_ifindex(target.get(), link.index);
  if (link.up) rtnl_link_set_flags(target.get(), IFF_UP);
  if (!changes.alias.empty()) rtnl_link_set_ifalias(wanted.get(), changes.alias.c_str());
  if (changes.mtu != 0) rtnl_link_set_mtu(wanted.get(), changes.mtu);
  if (changes.master != 0) rtnl_link_set_master(wanted.get(), changes.master);
  if (changes.up) rtnl_link_set_flags(wanted.get(), IFF_UP);
  return Check(rtnl_link_change(socket_.get(), target.get(), wanted.get(), 0),
               absl::StrCat("set up interface ", Describe(link)));
}

absl::Status Netlink::DeleteLink(const Link& link) {
  const Owned<rtnl_link> target(rtnl_link_alloc());
  rtnl_link_set_ifindex(target.get(), link.index);
  const absl::Status deleted =
      Check(rtnl_link_delete(socket_.get(), target.get()), absl::StrCat("delete interface ", Describe(link)));
  return absl::IsNotFound(deleted) ? absl::OkStatus() : deleted;
}

absl::StatusOr<std::vector<LinkAddress>> Netlink::Addresses(int link) {
  nl_cache* raw = nullptr;
  BANGER_RETURN_IF_ERROR(Check(nl_cache_alloc_name("route/addr", &raw), "list addresses"));
  const Owned<nl_cache> cache(raw);
  // Only a strict kernel looks at one interface instead of all, of which a host of
  // many guests has many.
  const StrictRequests strict(socket_.get());
  ifaddrmsg request{};
  request.ifa_family = AF_UNSPEC;
  request.ifa_index = static_cast<unsigned>(link);
  BANGER_RETURN_IF_ERROR(Check(
      nl_send_simple(socket_.get(), RTM_GETADDR, NLM_F_DUMP, &request, sizeof request), "list addresses"));
  BANGER_RETURN_IF_ERROR(Check(nl_cache_pickup(socket_.get(), raw), "list addresses"));
  std::vector<LinkAddress> addresses;
  ForEach<rtnl_addr>(raw, [&](rtnl_addr* address) {
    const int family = rtnl_addr_get_family(address);
    if (family != AF_INET && family != AF_INET6) return;
    if (link != 0 && rtnl_addr_get_ifindex(address) != link) return;  // of an old kernel
    addresses.push_back(
        {.link = rtnl_addr_get_ifindex(address),
         .address = FromNl(rtnl_addr_get_local(address), family == AF_INET ? Family::kIpv4 : Family::kIpv6),
         .prefix_length = rtnl_addr_get_prefixlen(address)});
  });
  return addresses;
}

absl::Status Netlink::AddAddress(const Link& link, const IpAddress& address, int prefix_length) {
  const Owned<rtnl_addr> wanted(rtnl_addr_alloc());
  const Owned<nl_addr> local = ToNl(address, prefix_length);
  rtnl_addr_set_ifindex(wanted.get(), link.index);
  rtnl_addr_set_local(wanted.get(), local.get());
  if (address.family() == Family::kIpv6) {
    rtnl_addr_set_flags(wanted.get(), IFA_F_NODAD);
  } else {
    const Ipv4 last(address.low_bits().bits() | (0xffffffffU >> prefix_length));
    const Owned<nl_addr> broadcast = ToNl(last, AddressLength(Family::kIpv4));
    rtnl_addr_set_broadcast(wanted.get(), broadcast.get());
  }
  return Check(rtnl_addr_add(socket_.get(), wanted.get(), 0),
               absl::StrCat("give address ", address.ToString(), "/", prefix_length, " to ", Describe(link)));
}

absl::StatusOr<std::vector<Route>> Netlink::Routes(Family family) {
  nl_cache* raw = nullptr;
  BANGER_RETURN_IF_ERROR(Check(rtnl_route_alloc_cache(socket_.get(), ToNl(family), 0, &raw), "list routes"));
  const Owned<nl_cache> cache(raw);
  std::vector<Route> routes;
  ForEach<rtnl_route>(raw, [&](rtnl_route* route) {
    if (rtnl_route_get_type(route) != RTN_UNICAST) return;
    nl_addr* destination = rtnl_route_get_dst(route);
    const int length = destination != nullptr ? static_cast<int>(nl_addr_get_prefixlen(destination)) : 0;
    for (int i = 0; i < rtnl_route_get_nnexthops(route); ++i)
      routes.push_back({.network = Prefix::Of(FromNl(destination, family), length),
                        .link = rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, i)),
                        .is_main = rtnl_route_get_table(route) == RT_TABLE_MAIN,
                        .metric = rtnl_route_get_priority(route)});
  });
  return routes;
}

}  // namespace banger::netd
