#include "services/agent/adapters/ipv6.h"

#include <arpa/inet.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/os/sysctl.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::agent {
namespace {

constexpr std::uint32_t kMetric = 1024;  // what the kernel takes where none is said

struct Address {
  in6_addr bytes;
  std::uint32_t prefix_length;
};

absl::StatusOr<Address> ParseCidr(const std::string& text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
  Address address{};
  const bool valid = ::inet_pton(AF_INET6, parts.first.c_str(), &address.bytes) == 1 &&
                     absl::SimpleAtoi(parts.second, &address.prefix_length) && address.prefix_length >= 1 &&
                     address.prefix_length <= 128;
  if (!valid) return absl::InvalidArgumentError(absl::StrCat("address '", text, "' is not IPv6 CIDR"));
  return address;
}

bool IsSame(const in6_addr& a, const in6_addr& b) { return IN6_ARE_ADDR_EQUAL(&a, &b); }

// Of the interface, but for link-local ones. A line of if_inet6: the address, its
// interface's number, its length and scope in hex, flags, the interface's name.
absl::StatusOr<std::vector<Address>> AddressesOf(const std::string& interface) {
  BANGER_ASSIGN_OR_RETURN(const std::string lines, ReadFile("/proc/net/if_inet6", 1 << 20));
  std::vector<Address> found;
  for (const absl::string_view line : absl::StrSplit(lines, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
    Address address{};
    if (fields.size() != 6 || fields[5] != interface || fields[0].size() != 2 * sizeof address.bytes ||
        !absl::SimpleHexAtoi(fields[2], &address.prefix_length))
      continue;
    const std::string bytes = absl::HexStringToBytes(fields[0]);
    bytes.copy(reinterpret_cast<char*>(&address.bytes), sizeof address.bytes);
    if (!IN6_IS_ADDR_LINKLOCAL(&address.bytes)) found.push_back(address);
  }
  return found;
}

absl::Status ChangeAddress(int fd, unsigned long operation, int index, const Address& address) {
  in6_ifreq request{};
  request.ifr6_addr = address.bytes;
  request.ifr6_prefixlen = address.prefix_length;
  request.ifr6_ifindex = index;
  if (::ioctl(fd, operation, &request) == 0 || (operation == SIOCSIFADDR && errno == EEXIST))
    return absl::OkStatus();
  return ErrnoError(errno, operation == SIOCSIFADDR ? "set the IPv6 address" : "remove an IPv6 address");
}

absl::Status WhyThereIsNone(const std::string& interface) {
  constexpr int kMinMtu = 1280;
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(fd.get(), SIOCGIFMTU, &request) == 0 && request.ifr_mtu < kMinMtu)
    return absl::FailedPreconditionError(absl::StrCat("no IPv6 address: the MTU of '", interface, "' is ",
                                                      request.ifr_mtu, ", and IPv6 needs ", kMinMtu));
  return absl::FailedPreconditionError("no IPv6 address: the guest's kernel has no IPv6");
}

absl::Status SetDefaultRoute(int fd, int index, const std::string& gateway) {
  in6_rtmsg route{};
  route.rtmsg_ifindex = index;
  while (::ioctl(fd, SIOCDELRT, &route) == 0) {
  }
  if (gateway.empty()) return absl::OkStatus();
  if (::inet_pton(AF_INET6, gateway.c_str(), &route.rtmsg_gateway) != 1)
    return absl::InvalidArgumentError(absl::StrCat("gateway '", gateway, "' is not an IPv6 address"));
  route.rtmsg_flags = RTF_UP | RTF_GATEWAY;
  route.rtmsg_metric = kMetric;
  if (::ioctl(fd, SIOCADDRT, &route) == 0 || errno == EEXIST) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("set the IPv6 default route by '", gateway, "'"));
}

}  // namespace

absl::Status PrepareIpv6(const std::string& interface) {
  // accept_dad: nobody else can have the address, as the host lets no other use it.
  constexpr std::pair<const char*, char> kOptions[] = {{"accept_ra", '0'},        {"autoconf", '0'},
                                                       {"accept_redirects", '0'}, {"accept_dad", '0'},
                                                       {"addr_gen_mode", '0'},    {"disable_ipv6", '0'}};
  for (const auto& [option, value] : kOptions) {
    const absl::Status set =
        SetSysctl(absl::StrCat("/proc/sys/net/ipv6/conf/", interface, "/", option), value);
    if (absl::IsNotFound(set)) return WhyThereIsNone(interface);
    if (!set.ok()) return set;
  }
  return absl::OkStatus();
}

absl::Status ConfigureIpv6(const std::string& interface, const std::string& cidr,
                           const std::string& gateway) {
  BANGER_ASSIGN_OR_RETURN(const Address wanted, ParseCidr(cidr));
  const UniqueFd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoError(errno, "create IPv6 socket");
  const auto index = static_cast<int>(::if_nametoindex(interface.c_str()));
  BANGER_ASSIGN_OR_RETURN(const std::vector<Address> there, AddressesOf(interface));
  for (const Address& address : there)
    if (!IsSame(address.bytes, wanted.bytes))
      BANGER_RETURN_IF_ERROR(ChangeAddress(fd.get(), SIOCDIFADDR, index, address));
  BANGER_RETURN_IF_ERROR(ChangeAddress(fd.get(), SIOCSIFADDR, index, wanted));
  return SetDefaultRoute(fd.get(), index, gateway);
}

}  // namespace banger::agent
