#include "services/netd/testing/net_world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {
namespace {

constexpr int kPatienceMs = 700;
constexpr std::size_t kVnetHeader = 10;

sockaddr_in SocketAddress(const std::string& address, int port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address.c_str(), &made.sin_addr);
  return made;
}

std::string Text(const sockaddr_in& address) {
  char text[INET_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return text;
}

const sockaddr* Generic(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

UniqueFd Listen(int type, int port) {
  UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int one = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (type == SOCK_DGRAM) ::setsockopt(socket.get(), IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
  const sockaddr_in any = SocketAddress("0.0.0.0", port);
  if (::bind(socket.get(), Generic(any), sizeof any) < 0) return UniqueFd();
  if (type == SOCK_STREAM) ::listen(socket.get(), 16);
  return socket;
}

bool IsReady(int fd, short events, int timeout_ms) {
  pollfd poll{fd, events, 0};
  return ::poll(&poll, 1, timeout_ms) > 0;
}

// From the address that was asked, of all that the machine has.
void AnswerDatagram(int socket) {
  char question[64];
  char control[128];
  sockaddr_in peer{};
  iovec data{question, sizeof question};
  msghdr message{};
  message.msg_name = &peer;
  message.msg_namelen = sizeof peer;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(socket, &message, 0) < 0) return;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != IPPROTO_IP || part->cmsg_type != IP_PKTINFO) continue;
    in_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(part), sizeof info);
    info.ipi_ifindex = 0;  // as routes say
    info.ipi_spec_dst = info.ipi_addr;
    std::memcpy(CMSG_DATA(part), &info, sizeof info);
  }
  std::string answer = Text(peer);
  data = {answer.data(), answer.size()};
  ::sendmsg(socket, &message, 0);
}

void TellPeer(int connection) {
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  ::getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &size);
  const std::string answer = Text(peer);
  ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
}

absl::StatusOr<std::string> Ask(int socket, Protocol protocol, const sockaddr_in& to) {
  if (::connect(socket, Generic(to), sizeof to) < 0 && errno != EINPROGRESS)
    return ErrnoError(errno, "connect");
  if (protocol == Protocol::kUdp) [[maybe_unused]]
    const ssize_t n = ::send(socket, "?", 1, 0);
  if (!IsReady(socket, POLLIN, kPatienceMs)) return absl::DeadlineExceededError("no answer");
  char answer[64];
  const ssize_t n = ::recv(socket, answer, sizeof answer, 0);
  if (n < 0) return ErrnoError(errno, "receive");
  return std::string(answer, static_cast<std::size_t>(n));
}

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

WhoAmIServer::WhoAmIServer(const Namespace& where, int port) {
  where.Run([&] {
    tcp_ = Listen(SOCK_STREAM, port);
    udp_ = Listen(SOCK_DGRAM, port);
  });
  if (tcp_.valid() && udp_.valid())
    thread_ = std::jthread([this](const std::stop_token& stop) { Serve(stop); });
}

void WhoAmIServer::Serve(const std::stop_token& stop) const {
  std::vector<UniqueFd> connections;
  while (!stop.stop_requested()) {
    std::vector<pollfd> fds = {{tcp_.get(), POLLIN, 0}, {udp_.get(), POLLIN, 0}};
    for (const UniqueFd& connection : connections) fds.push_back({connection.get(), POLLIN, 0});
    if (::poll(fds.data(), fds.size(), 50) <= 0) continue;
    if (UniqueFd connection(::accept(tcp_.get(), nullptr, nullptr)); connection.valid()) {
      TellPeer(connection.get());
      connections.push_back(std::move(connection));
    }
    AnswerDatagram(udp_.get());
    std::erase_if(connections, [](const UniqueFd& connection) {
      char said[64];
      if (!IsReady(connection.get(), POLLIN, 0)) return false;
      if (::recv(connection.get(), said, sizeof said, 0) <= 0) return true;
      TellPeer(connection.get());
      return false;
    });
  }
}

Conversation::Conversation(const Namespace& from, const std::string& address, int port) {
  from.Run([&] {
    socket_.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_TRUE(Ask(socket_.get(), Protocol::kTcp, SocketAddress(address, port)).ok());
  });
}

bool Conversation::GoesOn() const {
  char answer[64];
  while (::recv(socket_.get(), answer, sizeof answer, 0) > 0) {
  }
  return ::send(socket_.get(), "?", 1, MSG_NOSIGNAL) == 1 && IsReady(socket_.get(), POLLIN, kPatienceMs) &&
         ::recv(socket_.get(), answer, sizeof answer, 0) > 0;
}

absl::StatusOr<std::string> WhoAmI(const Namespace& from, const std::string& address, int port,
                                   Protocol protocol, const std::string& source) {
  absl::StatusOr<std::string> answer = absl::UnknownError("not asked");
  from.Run([&] {
    const int type = protocol == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM;
    const UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!source.empty()) {
      const sockaddr_in own = SocketAddress(source, 0);
      ASSERT_EQ(::bind(socket.get(), Generic(own), sizeof own), 0) << std::strerror(errno);
    }
    answer = Ask(socket.get(), protocol, SocketAddress(address, port));
  });
  return answer;
}

bool Pings(const Namespace& from, const std::string& address) {
  bool answered = false;
  from.Run([&] {
    const UniqueFd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
    icmphdr echo{};
    echo.type = ICMP_ECHO;
    echo.un.echo.id = htons(4711);
    echo.checksum = static_cast<std::uint16_t>(~(ICMP_ECHO + htons(4711)));
    const sockaddr_in to = SocketAddress(address, 0);
    ::sendto(socket.get(), &echo, sizeof echo, 0, Generic(to), sizeof to);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (!answered && std::chrono::steady_clock::now() < deadline) {
      if (!IsReady(socket.get(), POLLIN, 50)) continue;
      unsigned char packet[256];
      const ssize_t n = ::recv(socket.get(), packet, sizeof packet, 0);
      // Behind the IP header, which a raw socket shows: the reply, with our id.
      answered = n >= 28 && packet[20] == ICMP_ECHOREPLY && packet[24] == (4711 >> 8);
    }
  });
  return answered;
}

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
    if (!IsReady(socket_.get(), POLLIN, 50)) continue;
    char frame[4096];
    const ssize_t n = ::recv(socket_.get(), frame, sizeof frame, 0);
    if (n > 0 && absl::StrContains(absl::string_view(frame, static_cast<std::size_t>(n)), marker))
      return true;
  }
  return false;
}

}  // namespace banger::netd
