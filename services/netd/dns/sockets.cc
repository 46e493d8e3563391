#include "services/netd/dns/sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd::dns {
namespace {

constexpr int kBacklog = 128;
constexpr int kReceiveBuffer = 1 << 20;

absl::Status SetOption(int fd, int level, int option, int value) {
  if (::setsockopt(fd, level, option, &value, sizeof value) < 0) return ErrnoError(errno, "set up a socket");
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> Bind(const SocketAddress& address, int type) {
  const bool tcp = type == SOCK_STREAM;
  UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return ErrnoError(errno, "create a socket");
  // The bridge's address comes with the first VM and goes with the last.
  BANGER_RETURN_IF_ERROR(SetOption(fd.get(), IPPROTO_IP, IP_FREEBIND, 1));
  if (tcp) BANGER_RETURN_IF_ERROR(SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1));
  if (::bind(fd.get(), address.get(), address.size()) < 0)
    return ErrnoError(errno, absl::StrCat("bind ", address.ToString(), tcp ? "/tcp" : "/udp"));
  if (tcp && ::listen(fd.get(), kBacklog) < 0)
    return ErrnoError(errno, absl::StrCat("listen on ", address.ToString()));
  // As large as the host allows; the default holds few bursts.
  if (!tcp) SetOption(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBuffer).IgnoreError();
  return fd;
}

absl::StatusOr<ListenSockets> Listen(const SocketAddress& address) {
  ListenSockets sockets;
  BANGER_ASSIGN_OR_RETURN(sockets.udp, Bind(address, SOCK_DGRAM));
  BANGER_ASSIGN_OR_RETURN(sockets.tcp, Bind(address, SOCK_STREAM));
  return sockets;
}

ListenSockets ListenOrWarn(const SocketAddress& address, const std::string& without,
                           std::vector<std::string>* warnings) {
  absl::StatusOr<ListenSockets> sockets = Listen(address);
  if (sockets.ok()) return *std::move(sockets);
  warnings->push_back(absl::StrCat(without, ": ", sockets.status().message()));
  return {};
}

}  // namespace

absl::StatusOr<SocketAddress> ParseListenAddress(const std::string& text) {
  const absl::StatusOr<SocketAddress> address = SocketAddress::Parse(text, 0);
  if (!address.ok() || address->family() != AF_INET || !address->IsLoopback() || address->port() == 0)
    return absl::InvalidArgumentError(absl::StrCat(
        "[network] dns_listen '", text, "' is not a loopback address and port like 127.0.0.1:42069"));
  return address;
}

absl::StatusOr<DnsSockets> BindDnsSockets(const std::string& host_listen, Ipv4 gateway) {
  DnsSockets sockets;
  if (!host_listen.empty()) {
    BANGER_ASSIGN_OR_RETURN(const SocketAddress address, ParseListenAddress(host_listen));
    sockets.host = ListenOrWarn(address, "the host cannot resolve VMs' names", &sockets.warnings);
  }
  sockets.guests =
      ListenOrWarn(SocketAddress(gateway, kDnsPort), "guests have no DNS server", &sockets.warnings);
  if (sockets.guests.valid())
    BANGER_RETURN_IF_ERROR(SetOption(sockets.guests.udp.get(), IPPROTO_IP, IP_PKTINFO, 1));
  return sockets;
}

}  // namespace banger::netd::dns
