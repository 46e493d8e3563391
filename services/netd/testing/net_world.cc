#include "services/netd/testing/net_world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {
namespace {

constexpr std::size_t kVnetHeader = 10;

}  // namespace

absl::StatusOr<Namespace> Namespace::Current() {
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile("/proc/thread-self/ns/net", O_RDONLY));
  return Namespace(std::move(fd));
}

absl::StatusOr<Namespace> Namespace::Create() {
  absl::StatusOr<Namespace> made = absl::UnknownError("not made");
  std::thread([&made] {
    if (::unshare(CLONE_NEWNET) != 0) {
      made = ErrnoError(errno, "unshare");
      return;
    }
    made = Current();
  }).join();
  if (made.ok()) made->Ip("link set lo up");
  return made;
}

void Namespace::Run(const std::function<void()>& work) const {
  std::thread([&] {
    ASSERT_EQ(::setns(fd_.get(), CLONE_NEWNET), 0);
    work();
  }).join();
}

void Namespace::Ip(const std::string& arguments) const {
  Run([&] { netd::Ip(arguments); });
}

std::string Namespace::path() const { return absl::StrCat("/proc/", ::getpid(), "/fd/", fd_.get()); }

absl::StatusOr<std::unique_ptr<GuestMachine>> GuestMachine::Boot(UniqueFd queue, const std::string& address,
                                                                 const std::string& mac,
                                                                 const Subnet& subnet) {
  BANGER_ASSIGN_OR_RETURN(Namespace inside, Namespace::Create());
  UniqueFd card;
  inside.Run([&] {
    card.Reset(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    std::strcpy(request.ifr_name, "eth0");
    ASSERT_EQ(::ioctl(card.get(), TUNSETIFF, &request), 0) << std::strerror(errno);
  });
  inside.Ip(absl::StrCat("link set eth0 address ", mac, " up"));
  inside.Ip(absl::StrCat("addr add ", address, "/", subnet.prefix_length(), " dev eth0"));
  inside.Ip(absl::StrCat("route add default via ", subnet.gateway().ToString()));
  if (subnet.has_ipv6()) {
    const IpAddress ipv6 = subnet.AddressOf(*Ipv4::Parse(address), Family::kIpv6);
    inside.Ip(absl::StrCat("addr add ", ipv6.ToString(), "/64 dev eth0 nodad"));
    inside.Ip(
        absl::StrCat("route add default via ", subnet.AddressOf(subnet.gateway(), Family::kIpv6).ToString()));
  }
  return std::unique_ptr<GuestMachine>(
      new GuestMachine(std::move(inside), std::move(queue), std::move(card), address));
}

GuestMachine::GuestMachine(Namespace inside, UniqueFd queue, UniqueFd card, std::string address)
    : inside_(std::move(inside)),
      queue_(std::move(queue)),
      card_(std::move(card)),
      address_(std::move(address)),
      wire_([this](const std::stop_token& stop) { Wire(stop); }) {}

GuestMachine::~GuestMachine() {
  wire_.request_stop();
  wire_.join();
}

void GuestMachine::Wire(const std::stop_token& stop) const {
  char frame[70000];
  while (!stop.stop_requested()) {
    pollfd fds[] = {{queue_.get(), POLLIN, 0}, {card_.get(), POLLIN, 0}};
    if (::poll(fds, 2, 50) <= 0) continue;
    for (const auto& [from, to] :
         {std::pair(queue_.get(), card_.get()), std::pair(card_.get(), queue_.get())})
      for (ssize_t n = ::read(from, frame, sizeof frame); n > 0; n = ::read(from, frame, sizeof frame))
        [[maybe_unused]] const ssize_t written = ::write(to, frame, static_cast<std::size_t>(n));
  }
}

absl::Status GuestMachine::Inject(const std::string& frame) const {
  return WriteFully(queue_.get(), std::string(kVnetHeader, '\0') + frame);
}

Sniffer::Sniffer(const Namespace& where, const std::string& interface) {
  where.Run([&] {
    socket_.Reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
  });
}

bool Sniffer::Saw(const std::string& marker) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd poll{socket_.get(), POLLIN, 0};
    if (::poll(&poll, 1, 50) <= 0) continue;
    char frame[4096];
    const ssize_t n = ::recv(socket_.get(), frame, sizeof frame, 0);
    if (n > 0 && absl::StrContains(absl::string_view(frame, static_cast<std::size_t>(n)), marker))
      return true;
  }
  return false;
}

}  // namespace banger::netd
