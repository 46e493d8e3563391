// What TCP clients do to the server, and each other.
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/resource.h>

#include "services/netd/testing/dns_server_fixture.h"

namespace banger::netd::dns {
namespace {

class DnsServerTcpTest : public DnsServerTest {};

TEST_F(DnsServerTcpTest, TcpClientsThatLieOrSleepAreLetGo) {
  const auto ends = [](const UniqueFd& fd) {
    pollfd poll{.fd = fd.get(), .events = POLLIN, .revents = 0};
    char byte;
    return ::poll(&poll, 1, 20000) == 1 && ::recv(fd.get(), &byte, 1, 0) <= 0;
  };
  // Lengths of nothing, of less than a header, of more than will ever come.
  for (const std::string& lie :
       {std::string("\0\0", 2), std::string("\0\5hello", 7), std::string("\xff\xff..", 4)}) {
    const UniqueFd fd = guest_->Connect();
    ASSERT_TRUE(fd.valid());
    ASSERT_OK(WriteFully(fd.get(), lie));
    EXPECT_TRUE(ends(fd));
  }
  // Says nothing; stops in the middle of a query.
  const UniqueFd silent = guest_->Connect();
  const UniqueFd half = guest_->Connect();
  ASSERT_OK(WriteFully(half.get(), std::string("\0\x20half", 6)));
  EXPECT_TRUE(ends(silent));
  EXPECT_TRUE(ends(half));
  EXPECT_EQ(Dig({"+tcp", "+short", "web.vm"}), "172.30.0.2\n");
}

TEST_F(DnsServerTcpTest, AQueryInPiecesAndTwoInOneAreAnswered) {
  const UniqueFd fd = guest_->Connect();
  const std::string query = MakeQuery("web.vm.", LDNS_RR_TYPE_A);
  const std::string framed = std::string({'\0', static_cast<char>(query.size())}) + query;
  for (const char byte : framed) ASSERT_OK(WriteFully(fd.get(), absl::string_view(&byte, 1)));
  ASSERT_OK(WriteFully(fd.get(), framed + framed));
  std::string received(3 * (framed.size() + 16), '\0');
  EXPECT_THAT(ReadFully(fd.get(), received.data(), received.size()), IsOkAndHolds(received.size()));
}

TEST_F(DnsServerTcpTest, OneClientsConnectionsLeaveRoomForOthers) {
  std::vector<UniqueFd> connections;
  for (int i = 0; i < 200; ++i) connections.push_back(guest_->Connect());
  EXPECT_EQ(HostDig({"+tcp", "+short", "web.vm"}), "172.30.0.2\n");
  EXPECT_EQ(Dig({"+short", "web.vm"}), "172.30.0.2\n");
}

TEST_F(DnsServerTcpTest, WithoutDescriptorsItAnswersOnAndTcpRecovers) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const UniqueFd fd = guest_->Connect();
  const std::string query = MakeQuery("web.vm.", LDNS_RR_TYPE_A);
  const UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const UniqueFd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress server(Ipv4(INADDR_LOOPBACK), 42069);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_EQ(::connect(tcp.get(), server.get(), server.size()), 0);
  for (int i = 0; i < 100; ++i) {
    ::sendto(udp.get(), query.data(), query.size(), 0, server.get(), server.size());
    pollfd poll{.fd = udp.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&poll, 1, 5000), 1);
    char reply[512];
    EXPECT_GT(::recv(udp.get(), reply, sizeof reply, 0), 12);
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  const std::string framed = std::string({'\0', static_cast<char>(query.size())}) + query;
  ASSERT_OK(WriteFully(tcp.get(), framed));
  std::string received(framed.size() + 16, '\0');
  EXPECT_THAT(ReadFully(tcp.get(), received.data(), received.size()), IsOkAndHolds(received.size()));
}

}  // namespace
}  // namespace banger::netd::dns
