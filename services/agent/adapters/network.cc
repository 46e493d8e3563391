#include "services/agent/adapters/network.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/ipv6.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

absl::StatusOr<UniqueFd> ControlSocket() {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoError(errno, "create socket");
  return fd;
}

ifreq Request(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

absl::Status Control(int fd, unsigned long operation, ifreq& request, const std::string& what) {
  if (::ioctl(fd, operation, &request) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat(what, " of '", request.ifr_name, "'"));
}

absl::Status BringUp(int fd, const std::string& name) {
  ifreq request = Request(name);
  BANGER_RETURN_IF_ERROR(Control(fd, SIOCGIFFLAGS, request, "read the flags"));
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  return Control(fd, SIOCSIFFLAGS, request, "set the flags");
}

void SetAddress(sockaddr& to, in_addr address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr = address;
  std::memcpy(&to, &in, sizeof in);
}

struct Cidr {
  in_addr address;
  in_addr mask;
};

absl::StatusOr<Cidr> ParseCidr(const std::string& text) {
  const std::size_t slash = text.find('/');
  Cidr cidr{};
  int prefix = -1;
  const bool valid = slash != std::string::npos &&
                     ::inet_pton(AF_INET, text.substr(0, slash).c_str(), &cidr.address) == 1 &&
                     absl::SimpleAtoi(text.substr(slash + 1), &prefix) && prefix >= 1 && prefix <= 32;
  if (!valid) return absl::InvalidArgumentError(absl::StrCat("address '", text, "' is not IPv4 CIDR"));
  cidr.mask.s_addr = htonl(~std::uint32_t{0} << (32 - prefix));
  return cidr;
}

absl::Status SetDefaultRoute(int fd, const std::string& name, const std::string& gateway) {
  in_addr address{};
  if (::inet_pton(AF_INET, gateway.c_str(), &address) != 1)
    return absl::InvalidArgumentError(absl::StrCat("gateway '", gateway, "' is not an IPv4 address"));
  rtentry route{};
  SetAddress(route.rt_dst, in_addr{});
  SetAddress(route.rt_genmask, in_addr{});
  SetAddress(route.rt_gateway, address);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  std::string device = name;
  route.rt_dev = device.data();
  if (::ioctl(fd, SIOCADDRT, &route) < 0 && errno != EEXIST)
    return ErrnoError(errno, absl::StrCat("set default route by '", gateway, "'"));
  return absl::OkStatus();
}

void RemoveDefaultRoutes(int fd, const std::string& name) {
  rtentry route{};
  SetAddress(route.rt_dst, in_addr{});
  SetAddress(route.rt_genmask, in_addr{});
  SetAddress(route.rt_gateway, in_addr{});
  route.rt_flags = RTF_UP;
  std::string device = name;
  route.rt_dev = device.data();
  while (::ioctl(fd, SIOCDELRT, &route) == 0) {
  }
}

absl::StatusOr<std::string> InterfaceNow(const std::string& mac) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/sys/class/net", error)) {
    const absl::StatusOr<std::string> address = ReadFile(entry.path() / "address", 4096);
    if (address.ok() && absl::StripAsciiWhitespace(*address) == mac) return entry.path().filename().string();
  }
  return absl::NotFoundError(absl::StrCat("no network interface has the address '", mac, "'"));
}

// With the interface down, so that no address derived from the old one stays.
absl::Status ChangeMac(int fd, const std::string& from, const std::string& to) {
  const absl::StatusOr<std::string> name = InterfaceNow(absl::AsciiStrToLower(from));
  if (!name.ok() || absl::EqualsIgnoreCase(from, to)) return absl::OkStatus();
  const std::string bytes = absl::HexStringToBytes(absl::StrReplaceAll(to, {{":", ""}}));
  if (bytes.size() != 6) return absl::InvalidArgumentError(absl::StrCat("'", to, "' is no MAC address"));
  ifreq request = Request(*name);
  BANGER_RETURN_IF_ERROR(Control(fd, SIOCGIFFLAGS, request, "read the flags"));
  request.ifr_flags = static_cast<short>(request.ifr_flags & ~IFF_UP);
  BANGER_RETURN_IF_ERROR(Control(fd, SIOCSIFFLAGS, request, "set the flags"));
  request = Request(*name);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  bytes.copy(request.ifr_hwaddr.sa_data, bytes.size());
  return Control(fd, SIOCSIFHWADDR, request, "set the MAC address");
}

}  // namespace

absl::Status BringUpLoopback() {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, ControlSocket());
  return BringUp(fd.get(), "lo");
}

absl::StatusOr<std::string> FindInterface(const std::string& mac) {
  const std::string wanted = absl::AsciiStrToLower(mac);
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  for (;;) {
    absl::StatusOr<std::string> name = InterfaceNow(wanted);
    if (name.ok() || std::chrono::steady_clock::now() >= deadline) return name;
    std::this_thread::sleep_for(5ms);
  }
}

absl::Status ConfigureInterface(const InterfaceSettings& settings) {
  BANGER_ASSIGN_OR_RETURN(const Cidr cidr, ParseCidr(settings.address));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, ControlSocket());
  if (!settings.previous_mac.empty())
    BANGER_RETURN_IF_ERROR(ChangeMac(fd.get(), settings.previous_mac, settings.mac));
  BANGER_ASSIGN_OR_RETURN(const std::string name, FindInterface(settings.mac));
  ifreq request = Request(name);
  SetAddress(request.ifr_addr, cidr.address);
  BANGER_RETURN_IF_ERROR(Control(fd.get(), SIOCSIFADDR, request, "set the address"));
  request = Request(name);
  SetAddress(request.ifr_netmask, cidr.mask);
  BANGER_RETURN_IF_ERROR(Control(fd.get(), SIOCSIFNETMASK, request, "set the netmask"));
  if (settings.mtu != 0) {
    request = Request(name);
    request.ifr_mtu = settings.mtu;
    BANGER_RETURN_IF_ERROR(Control(fd.get(), SIOCSIFMTU, request, "set the MTU"));
  }
  const bool wants_ipv6 = !settings.ipv6_address.empty();
  const absl::Status prepared = wants_ipv6 ? PrepareIpv6(name) : absl::OkStatus();
  BANGER_RETURN_IF_ERROR(BringUp(fd.get(), name));
  RemoveDefaultRoutes(fd.get(), name);
  if (!settings.gateway.empty()) BANGER_RETURN_IF_ERROR(SetDefaultRoute(fd.get(), name, settings.gateway));
  // A guest without it has IPv4 all the same.
  if (!prepared.ok() || !wants_ipv6) return prepared;
  return ConfigureIpv6(name, settings.ipv6_address, settings.ipv6_gateway);
}

}  // namespace banger::agent
