// The server as its clients see it: in a network of its own, with a guest behind
// a bridge, asked by other people's resolvers.
#include <gmock/gmock.h>

#include <random>

#include "services/netd/testing/dns_server_fixture.h"

namespace banger::netd::dns {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(DnsServerTest, DigUnderstandsItOverUdpAndTcp) {
  for (const char* transport : {"+notcp", "+tcp"}) {
    EXPECT_THAT(Dig({transport, "web.vm"}),
                AllOf(HasSubstr("status: NOERROR"), HasSubstr("flags: qr aa rd ra"),
                      HasSubstr("IN\tA\t172.30.0.2"), Not(HasSubstr("WARNING"))));
    EXPECT_EQ(Dig({transport, "+short", "vm-9999.vm"}), "172.30.42.247\n");
    EXPECT_EQ(Dig({transport, "+short", "-x", "172.30.42.247"}), "vm-9999.vm.\n");
    EXPECT_THAT(Dig({transport, "AAAA", "web.vm"}),
                AllOf(HasSubstr("status: NOERROR"), HasSubstr("ANSWER: 0"), HasSubstr("IN\tSOA\tvm.")));
    EXPECT_THAT(Dig({transport, "gone.vm"}), AllOf(HasSubstr("status: NXDOMAIN"), HasSubstr("IN\tSOA\tvm.")));
    EXPECT_EQ(Dig({transport, "+short", "www.example.org"}), "192.0.2.7\n");
    EXPECT_THAT(Dig({transport, "+edns=1", "+noednsneg", "web.vm"}), HasSubstr("status: BADVERS"));
  }
  EXPECT_THAT(Dig({"+keepopen", "+tcp", "web.vm", "vm-1.vm", "www.example.org"}),
              AllOf(HasSubstr("172.30.0.2"), HasSubstr("172.30.3.233"), HasSubstr("192.0.2.7")));
}

TEST_F(DnsServerTest, DrillUnderstandsIt) {
  for (const char* transport : {"-u", "-t"}) {
    EXPECT_THAT(guest_->Run({"drill", transport, "web.vm", "@172.30.0.1"}),
                AllOf(HasSubstr("rcode: NOERROR"), HasSubstr("web.vm.\t5\tIN\tA\t172.30.0.2")));
    EXPECT_THAT(guest_->Run({"drill", transport, "-x", kGuest, "@172.30.0.1"}), HasSubstr("PTR\tweb.vm."));
  }
}

TEST_F(DnsServerTest, TheCLibrariesResolversUnderstandIt) {
  EXPECT_THAT(WithResolvConf("getent ahosts web.vm"), HasSubstr("172.30.0.2"));
  EXPECT_THAT(WithResolvConf("getent hosts 172.30.0.2"), HasSubstr("web.vm"));
  EXPECT_THAT(WithResolvConf("getent ahosts www.example.org"), HasSubstr("192.0.2.7"));
  EXPECT_EQ(WithResolvConf("getent ahosts gone.vm; echo $?"), "2\n");
  const std::string musl =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "musl_resolve").string();
  EXPECT_EQ(WithResolvConf(musl + " web.vm"), "172.30.0.2\n");
  EXPECT_EQ(WithResolvConf(musl + " www.example.org"), "192.0.2.7\n");
  EXPECT_EQ(WithResolvConf(musl + " gone.vm"), "Name does not resolve\n");
}

TEST_F(DnsServerTest, TheHostsProgramsGetTheNamesThatAreOursAndNoOthers) {
  EXPECT_EQ(HostDig({"+short", "web.vm"}), "172.30.0.2\n");
  EXPECT_EQ(HostDig({"+short", "+tcp", "web.vm"}), "172.30.0.2\n");
  EXPECT_EQ(HostDig({"+short", "-x", kGuest}), "web.vm.\n");
  EXPECT_THAT(HostDig({"www.example.org"}), HasSubstr("status: REFUSED"));
  // As systemd-resolved asks: at the bridge.
  EXPECT_EQ(OtherNamespace::RunHere({"dig", "@172.30.0.1", "+short", "web.vm"}), "172.30.0.2\n");
}

TEST_F(DnsServerTest, OthersThanHostAndGuestsGetNoAnswer) {
  guest_->Run({"ip", "addr", "add", "10.9.9.9/32", "dev", "eth0"});
  Ip("route add 10.9.9.9/32 dev br-dns");
  const std::vector<std::string> impatient = {"+tries=1", "+time=1", "-b", "10.9.9.9", "web.vm"};
  EXPECT_THAT(Dig(impatient), HasSubstr("no servers could be reached"));
  // A guest's address that does not come over the bridge.
  const OtherNamespace outside;
  Join(outside, "uplink0", "172.30.0.77");
  Ip("route add 172.30.0.77/32 dev uplink0");
  outside.Run({"ip", "route", "add", "172.30.0.1/32", "dev", "eth0"});
  EXPECT_THAT(outside.Run({"ping", "-c1", "-W2", "172.30.0.1"}), HasSubstr("1 received"));
  EXPECT_THAT(outside.Run({"dig", "@172.30.0.1", "+tries=1", "+time=1", "web.vm"}),
              HasSubstr("no servers could be reached"));
  EXPECT_EQ(Dig({"+short", "web.vm"}), "172.30.0.2\n");
}

TEST_F(DnsServerTest, ADeadUpstreamNeverKeepsOurNamesWaiting) {
  std::string batch;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&batch, "n", i, ".dead.example.org\n");
  ASSERT_OK(WriteFileAtomically(directory_.path() / "batch", batch, 0644));
  ASSERT_OK_AND_ASSIGN(
      Subprocess flood,
      Subprocess::Start({.argv = {"nsenter", "--target", guest_->pid(), "--net", "sh", "-c",
                                  absl::StrCat("for i in $(seq 30); do dig @172.30.0.1 +tries=1 +time=9 n$i"
                                               ".dead.example.org >/dev/null & done; wait")}}));
  // Each has less time than the dead one takes.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Dig({"+tries=1", "+time=3", "+short", "web.vm"}), "172.30.0.2\n");
  ASSERT_OK(flood.Wait());
  EXPECT_THAT(Dig({"+tries=1", "+time=9", "slow.dead.example.org"}), HasSubstr("status: SERVFAIL"));
}

TEST_F(DnsServerTest, NoiseDoesItNoHarm) {
  const UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress server(Ipv4(INADDR_LOOPBACK), 42069);
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string noise(random() % (i % 100 == 0 ? 9000 : 100), '\0');
    for (char& c : noise) c = static_cast<char>(random());
    ::sendto(udp.get(), noise.data(), noise.size(), 0, server.get(), server.size());
  }
  EXPECT_EQ(HostDig({"+short", "web.vm"}), "172.30.0.2\n");
}

TEST_F(DnsServerTest, APortThatIsTakenIsAWarning) {
  ASSERT_OK_AND_ASSIGN(const DnsSockets second, BindDnsSockets("127.0.0.1:42069", subnet_.gateway()));
  EXPECT_FALSE(second.host.valid());
  EXPECT_FALSE(second.guests.valid());
  ASSERT_EQ(second.warnings.size(), 2u);
  EXPECT_THAT(second.warnings[0], HasSubstr("127.0.0.1:42069/udp: Address already in use"));
  EXPECT_THAT(BindDnsSockets("192.0.2.1:53", subnet_.gateway()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace banger::netd::dns
