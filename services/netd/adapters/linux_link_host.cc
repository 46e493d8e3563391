#include "services/netd/adapters/linux_link_host.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/adapters/link_settings.h"
#include "services/netd/adapters/subnet_choice.h"
#include "services/netd/adapters/tap_device.h"
#include "services/netd/adapters/way_out.h"
#include "services/netd/errors.h"

namespace banger::netd {
namespace {

constexpr char kMarkPrefix[] = "banger:";
constexpr std::size_t kMaxInterfaceName = 15;
constexpr int kIpv6MinMtu = 1280;  // with less the kernel takes IPv6 from an interface

std::string WhatItIs(const Link& link) {
  if (absl::StartsWith(link.alias, kMarkPrefix))
    return absl::StrCat("it belongs to another netd (", link.alias, ")");
  return link.kind.empty() ? "it is a network card"
                           : absl::StrCat("it is a ", link.kind, " without our mark");
}

}  // namespace

absl::Status CheckBridgeName(const std::string& name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; };
  if (!name.empty() && name.size() <= kMaxInterfaceName &&
      std::isalpha(static_cast<unsigned char>(name[0])) && std::all_of(name.begin(), name.end(), allowed) &&
      !AddressOfTap(name).ok())
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "bridge name '", name, "': must be 1 to 15 letters, digits, '-', '_' or '.', a letter first"));
}

absl::StatusOr<std::unique_ptr<LinuxLinkHost>> LinuxLinkHost::Create(Options options) {
  BANGER_RETURN_IF_ERROR(CheckBridgeName(options.bridge));
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<Netlink> netlink, Netlink::Connect());
  return std::unique_ptr<LinuxLinkHost>(new LinuxLinkHost(std::move(options), std::move(netlink)));
}

LinuxLinkHost::LinuxLinkHost(Options options, std::unique_ptr<Netlink> netlink)
    : options_(std::move(options)),
      mark_(MarkOf(options_.bridge, options_.directory)),
      netlink_(std::move(netlink)) {}

std::string LinuxLinkHost::MarkOf(const std::string& bridge, const std::filesystem::path& directory) {
  return absl::StrCat(kMarkPrefix, bridge, ":", directory.string());
}

absl::StatusOr<std::optional<Link>> LinuxLinkHost::FindLink(const std::string& name) {
  absl::StatusOr<Link> link = netlink_->FindLink(name);
  if (absl::IsNotFound(link.status())) return std::optional<Link>();
  if (!link.ok()) return link.status();
  return std::optional<Link>(*std::move(link));
}

absl::Status LinuxLinkHost::EnsureBridge() {
  BANGER_ASSIGN_OR_RETURN(std::optional<Link> bridge, FindLink(options_.bridge));
  std::vector<LinkAddress> missing = BridgeAddresses(options_.subnet);
  if (bridge.has_value()) {
    BANGER_RETURN_IF_ERROR(CheckIsOurBridge(*bridge));
    BANGER_ASSIGN_OR_RETURN(const bool is_right, IsRight(*bridge));
    if (is_right) return absl::OkStatus();
    BANGER_ASSIGN_OR_RETURN(missing, MissingOf(*bridge));
  }
  if (!missing.empty()) {
    BANGER_RETURN_IF_ERROR(CheckSubnetIsFree());
    BANGER_ASSIGN_OR_RETURN(bridge, FindLink(options_.bridge));  // an idle one may have gone
  }
  const bool is_new = !bridge.has_value();
  if (is_new) {
    BANGER_ASSIGN_OR_RETURN(const WayOut way, FindWayOut(*netlink_, options_.subnet.families()));
    BANGER_RETURN_IF_ERROR(CheckMtu(way.interface, way.mtu));
    BANGER_RETURN_IF_ERROR(
        netlink_->AddBridge(options_.bridge, Mac::ForAddress(options_.subnet.gateway()), way.mtu));
    BANGER_ASSIGN_OR_RETURN(bridge, FindLink(options_.bridge));
    if (!bridge.has_value()) return absl::AbortedError("the new bridge was removed by somebody");
  }
  const absl::Status finished = FinishBridge(*bridge, missing);
  if (!finished.ok() && is_new) return JoinErrors(finished, netlink_->DeleteLink(*bridge));
  return finished;
}

absl::Status LinuxLinkHost::CheckMtu(const std::string& interface, int mtu) const {
  if (mtu >= kIpv6MinMtu || !options_.subnet.has_ipv6()) return absl::OkStatus();
  return MtuTooSmallForIpv6(interface, mtu);
}

absl::Status LinuxLinkHost::FinishBridge(const Link& bridge, const std::vector<LinkAddress>& missing) {
  BANGER_RETURN_IF_ERROR(CheckMtu(bridge.name, bridge.mtu));
  BANGER_RETURN_IF_ERROR(netlink_->SetLink(bridge, {.alias = mark_}));
  BANGER_RETURN_IF_ERROR(options_.subnet.has_ipv6() ? EnableIpv6(bridge.name) : DisableIpv6(bridge.name));
  for (const LinkAddress& wanted : missing)
    BANGER_RETURN_IF_ERROR(netlink_->AddAddress(bridge, wanted.address, wanted.prefix_length));
  return netlink_->SetLink(bridge, {.up = true});
}

absl::Status LinuxLinkHost::CheckIsOurBridge(const Link& link) const {
  const bool is_ours = link.kind == "bridge" && (link.alias == mark_ || IsUnfinishedBridge(link));
  return is_ours ? absl::OkStatus() : InterfaceNotOurs(link.name, WhatItIs(link));
}

// The kernel makes a bridge and marks it in two steps. One that a crash left
// between them is known by the address that only we give.
bool LinuxLinkHost::IsUnfinishedBridge(const Link& link) const {
  return link.name == options_.bridge && link.kind == "bridge" && link.alias.empty() && !link.up &&
         link.mac == Mac::ForAddress(options_.subnet.gateway()).ToString();
}

absl::StatusOr<bool> LinuxLinkHost::IsRight(const Link& bridge) {
  if (!bridge.up || bridge.alias != mark_) return false;
  BANGER_ASSIGN_OR_RETURN(const std::vector<LinkAddress> there, netlink_->Addresses(bridge.index));
  if (!MissingBridgeAddresses(options_.subnet, there).empty()) return false;
  return HasIpv6Options(bridge.name, options_.subnet.has_ipv6());
}

absl::StatusOr<std::vector<LinkAddress>> LinuxLinkHost::MissingOf(const Link& bridge) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<LinkAddress> there, netlink_->Addresses(bridge.index));
  const Subnet& subnet = options_.subnet;
  std::vector<LinkAddress> missing = MissingBridgeAddresses(subnet, there);
  for (const LinkAddress& address : there) {
    const Family family = address.address.family();
    if (family == Family::kIpv6 && !subnet.has_ipv6()) continue;  // goes when it is disabled
    const IpAddress gateway = subnet.AddressOf(subnet.gateway(), family);
    const bool is_missing = std::any_of(missing.begin(), missing.end(),
                                        [&](const LinkAddress& a) { return a.address == gateway; });
    if (!is_missing || IsLinkLocal(address.address)) continue;
    BANGER_ASSIGN_OR_RETURN(const std::vector<Link> links, netlink_->Links());
    for (const Link& link : links)
      if (link.master == bridge.index)
        return BridgeAddressDiffers(bridge.name,
                                    absl::StrCat(address.address.ToString(), "/", address.prefix_length),
                                    absl::StrCat(gateway.ToString(), "/", subnet.NetworkOf(family).length()));
    BANGER_RETURN_IF_ERROR(netlink_->DeleteLink(bridge));
    return BridgeAddresses(subnet);
  }
  return missing;
}

absl::Status LinuxLinkHost::CheckSubnetIsFree() {
  BANGER_ASSIGN_OR_RETURN(const std::optional<SubnetConflict> conflict,
                          FindConflict(*netlink_, options_.subnet, options_.bridge));
  if (!conflict.has_value()) return absl::OkStatus();
  return SubnetInUse(options_.subnet.NetworkOf(conflict->route.family()), conflict->route,
                     conflict->interface);
}

absl::Status LinuxLinkHost::RemoveBridge() {
  BANGER_ASSIGN_OR_RETURN(const std::optional<Link> bridge, FindLink(options_.bridge));
  if (!bridge.has_value() || !CheckIsOurBridge(*bridge).ok()) return absl::OkStatus();
  return netlink_->DeleteLink(*bridge);
}

absl::StatusOr<int> LinuxLinkHost::BridgeMtu() {
  BANGER_ASSIGN_OR_RETURN(const std::optional<Link> bridge, FindLink(options_.bridge));
  if (bridge.has_value() && CheckIsOurBridge(*bridge).ok()) return bridge->mtu;
  BANGER_ASSIGN_OR_RETURN(const WayOut way, FindWayOut(*netlink_, options_.subnet.families()));
  return way.mtu;
}

absl::StatusOr<bool> LinuxLinkHost::BridgeIsUp() {
  BANGER_ASSIGN_OR_RETURN(const std::optional<Link> bridge, FindLink(options_.bridge));
  if (!bridge.has_value()) return false;
  return IsRight(*bridge);
}

std::string LinuxLinkHost::AliasOf(const Tap& tap) const {
  return absl::StrCat(mark_, ":", tap.owner, ":", tap.endpoint_id);
}

std::optional<Tap> LinuxLinkHost::ToTap(const Link& link) const {
  absl::string_view rest = link.alias;
  if (link.kind != "tun" || !absl::ConsumePrefix(&rest, absl::StrCat(mark_, ":"))) return std::nullopt;
  const std::pair<std::string, std::string> parts = absl::StrSplit(rest, absl::MaxSplits(':', 1));
  Tap tap{.name = link.name, .endpoint_id = parts.second, .in_use = link.carrier};
  const bool has_endpoint = tap.is_spare() || CheckEndpointId(tap.endpoint_id).ok();
  if (!absl::SimpleAtoi(parts.first, &tap.owner) || !has_endpoint) return std::nullopt;
  return tap;
}

absl::StatusOr<std::vector<Tap>> LinuxLinkHost::ListTaps() {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Link> links, netlink_->Links());
  std::vector<Tap> taps;
  for (const Link& link : links)
    if (std::optional<Tap> tap = ToTap(link); tap.has_value()) taps.push_back(*std::move(tap));
  std::sort(taps.begin(), taps.end(), [](const Tap& a, const Tap& b) { return a.name < b.name; });
  return taps;
}

absl::Status LinuxLinkHost::EnsureTap(const Tap& tap) {
  BANGER_ASSIGN_OR_RETURN(const std::optional<Link> bridge, FindLink(options_.bridge));
  if (!bridge.has_value())
    return absl::FailedPreconditionError(absl::StrCat("no bridge '", options_.bridge, "'"));
  BANGER_RETURN_IF_ERROR(CheckIsOurBridge(*bridge));
  BANGER_ASSIGN_OR_RETURN(const std::optional<Link> link, FindLink(tap.name));
  if (link.has_value() && !ToTap(*link).has_value()) return InterfaceNotOurs(tap.name, WhatItIs(*link));
  if (!link.has_value()) return MakeTap(tap, *bridge);
  const Tap found = *ToTap(*link);
  const bool is_its_own = link->alias == AliasOf(tap);
  if (!is_its_own && !(found.is_spare() && found.owner == tap.owner)) {
    BANGER_RETURN_IF_ERROR(netlink_->DeleteLink(*link));
    return MakeTap(tap, *bridge);
  }
  const bool was_port = link->master == bridge->index;
  if (!is_its_own || !was_port || !link->up)
    BANGER_RETURN_IF_ERROR(
        netlink_->SetLink(*link, {.alias = AliasOf(tap), .master = bridge->index, .up = true}));
  // A spare one was made with it a moment ago.
  return is_its_own || !was_port ? BindMac(*link) : absl::OkStatus();
}

absl::Status LinuxLinkHost::BindMac(const Link& tap) {
  BANGER_ASSIGN_OR_RETURN(const Ipv4 address, AddressOfTap(tap.name));
  return netlink_->BindMacToPort(tap, Mac::ForAddress(address));
}

absl::Status LinuxLinkHost::CheckTapName(const std::string& name) {
  BANGER_ASSIGN_OR_RETURN(const std::optional<Link> link, FindLink(name));
  if (link.has_value() && !ToTap(*link).has_value()) return InterfaceNotOurs(name, WhatItIs(*link));
  return absl::OkStatus();
}

absl::Status LinuxLinkHost::MakeTap(const Tap& tap, const Link& bridge) {
  BANGER_ASSIGN_OR_RETURN(TapDevice device, TapDevice::Create(tap.name, tap.owner));
  BANGER_ASSIGN_OR_RETURN(const Link link, netlink_->FindLink(tap.name));
  BANGER_RETURN_IF_ERROR(
      netlink_->SetLink(link, {.alias = AliasOf(tap), .mtu = bridge.mtu, .master = bridge.index}));
  BANGER_RETURN_IF_ERROR(BindMac(link));
  BANGER_RETURN_IF_ERROR(DisableIpv6(tap.name));
  BANGER_RETURN_IF_ERROR(netlink_->SetLink(link, {.up = true}));
  BANGER_RETURN_IF_ERROR(device.MakePersistent());
  if (!tap.is_spare()) return absl::OkStatus();
  // Its carrier has gone with the descriptor, and the bridge looks through its ports
  // for that: in a second, or when somebody asks for the link. Not at the Attach.
  return netlink_->FindLink(tap.name).status();
}

absl::Status LinuxLinkHost::RemoveTap(const std::string& name) {
  BANGER_ASSIGN_OR_RETURN(const std::optional<Link> link, FindLink(name));
  if (!link.has_value() || !ToTap(*link).has_value()) return absl::OkStatus();
  return netlink_->DeleteLink(*link);
}

absl::StatusOr<UniqueFd> LinuxLinkHost::OpenTap(const std::string& name) {
  BANGER_ASSIGN_OR_RETURN(const std::optional<Link> link, FindLink(name));
  if (!link.has_value()) return absl::NotFoundError(absl::StrCat("open tap '", name, "': there is none"));
  if (!ToTap(*link).has_value()) return InterfaceNotOurs(name, WhatItIs(*link));
  return OpenTapQueue(name);
}

}  // namespace banger::netd
