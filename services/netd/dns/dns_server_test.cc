// The server as its clients see it: in a network of its own, with a guest behind
// a bridge, asked by other people's resolvers.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/netd/dns/server.h"
#include "services/netd/testing/dns_messages.h"
#include "services/netd/testing/fake_upstream.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd::dns {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kGateway[] = "172.30.0.1";
constexpr char kGuest[] = "172.30.0.2";

// A network namespace beside ours, known by the process that keeps it.
class OtherNamespace {
 public:
  OtherNamespace() {
    keeper_.emplace(*Subprocess::Start({.argv = {"unshare", "--net", "sleep", "600"}}));
    const auto ours = std::filesystem::read_symlink("/proc/thread-self/ns/net");
    EXPECT_TRUE(Eventually([&] { return std::filesystem::read_symlink(file()) != ours; }));
  }
  ~OtherNamespace() {
    EXPECT_OK(keeper_->Signal(SIGKILL));
    EXPECT_OK(keeper_->Wait());
  }

  std::string pid() const { return absl::StrCat(keeper_->pid()); }
  std::string file() const { return absl::StrCat("/proc/", pid(), "/ns/net"); }

  // What the command prints, whatever its exit code.
  std::string Run(std::vector<std::string> argv) const {
    std::vector<std::string> command = {"nsenter", "--target", pid(), "--net"};
    command.insert(command.end(), argv.begin(), argv.end());
    return RunHere(std::move(command));
  }
  static std::string RunHere(std::vector<std::string> argv) {
    const absl::StatusOr<CommandResult> result = RunCommand({.argv = std::move(argv)});
    if (!result.ok()) ADD_FAILURE() << result.status();
    return result.ok() ? absl::StrCat(result->out, result->err) : "";
  }

  // A TCP connection from there to the gateway's port 53; invalid when refused.
  UniqueFd Connect() const {
    UniqueFd fd;
    std::thread([&] {
      const UniqueFd there(::open(file().c_str(), O_RDONLY | O_CLOEXEC));
      if (::setns(there.get(), CLONE_NEWNET) < 0) return;
      fd.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const SocketAddress server(*Ipv4::Parse(kGateway), kDnsPort);
      if (::connect(fd.get(), server.get(), server.size()) < 0) fd.Reset();
    }).join();
    return fd;
  }

 private:
  std::optional<Subprocess> keeper_;
};

class DnsServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = EnterNewNetworkNamespace(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_OK_AND_ASSIGN(DnsSockets sockets, BindDnsSockets("127.0.0.1:42069", subnet_.gateway()));
    ASSERT_TRUE(sockets.host.valid() && sockets.guests.valid());
    // Only now, as it is in netd: the bridge comes with the first guest.
    Ip("link set lo up");
    Ip("link add br-dns type bridge");
    Ip("addr add 172.30.0.1/16 dev br-dns");
    Ip("link set br-dns up");
    guest_.emplace();
    Join(*guest_, "tap0", kGuest);
    Ip("link set tap0 master br-dns");

    for (int i = 0; i < 10000; ++i)
      zone_.Publish(absl::StrCat("vm-", i), Ipv4(subnet_.network().bits() + 1000 + static_cast<unsigned>(i)));
    zone_.Publish("web", *Ipv4::Parse(kGuest));

    ASSERT_OK_AND_ASSIGN(upstream_loop_, EventLoop::Create());
    upstream_.emplace(*upstream_loop_, [](const std::string& query, bool) -> std::vector<std::string> {
      const LdnsPacket packet = ParseMessage(query);
      const std::string name = SectionText(ldns_pkt_question(packet.get()));
      if (absl::StrContains(name, "dead.")) return {};
      if (absl::StrContains(name, "AAAA")) return {MakeAnswer(query, "")};
      return {MakeAnswer(query, "www.example.org. 60 IN A 192.0.2.7")};
    });
    upstream_thread_ = std::thread([this] { upstream_loop_->Run(); });
    DnsServer::Options options{
        .subnet = subnet_, .bridge = "br-dns", .upstreams = {.configured = {upstream_->address()}}};
    options.tcp.patience = 1500ms;
    ASSERT_OK_AND_ASSIGN(server_, DnsServer::Start(std::move(options), std::move(sockets), zone_));
  }

  void TearDown() override {
    server_.reset();
    if (!upstream_thread_.joinable()) return;
    upstream_loop_->Stop();
    upstream_thread_.join();
  }

  // A link to the namespace whose end there has the address.
  void Join(const OtherNamespace& other, const std::string& link, const std::string& address) {
    Ip(absl::StrCat("link add ", link, " type veth peer name eth0 netns ", other.pid()));
    Ip(absl::StrCat("link set ", link, " up"));
    other.Run({"ip", "addr", "add", absl::StrCat(address, "/16"), "dev", "eth0"});
    other.Run({"ip", "link", "set", "eth0", "up"});
    other.Run({"ip", "link", "set", "lo", "up"});
  }

  std::string Dig(std::vector<std::string> arguments) const {
    std::vector<std::string> argv = {"dig", absl::StrCat("@", kGateway), "+tries=2", "+time=5"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return guest_->Run(std::move(argv));
  }
  static std::string HostDig(std::vector<std::string> arguments) {
    std::vector<std::string> argv = {"dig", "@127.0.0.1", "-p", "42069", "+tries=2", "+time=5"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return OtherNamespace::RunHere(std::move(argv));
  }
  // A program of the guest that finds the server in /etc/resolv.conf.
  std::string WithResolvConf(const std::string& command) const {
    EXPECT_OK(WriteFileAtomically(directory_.path() / "resolv.conf",
                                  absl::StrCat("nameserver ", kGateway, "\n"), 0644));
    return guest_->Run({"unshare", "--mount", "sh", "-c",
                        absl::StrCat("mount --bind ", (directory_.path() / "resolv.conf").string(),
                                     " /etc/resolv.conf && ", command)});
  }

  const Subnet subnet_ = *Subnet::Create(*Ipv4::Parse(kGateway), 16);
  TempDir directory_ = *TempDir::Create();
  Zone zone_{1};
  std::optional<OtherNamespace> guest_;
  std::unique_ptr<EventLoop> upstream_loop_;
  std::optional<FakeUpstream> upstream_;
  std::thread upstream_thread_;
  std::unique_ptr<DnsServer> server_;
};

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

TEST_F(DnsServerTest, TcpClientsThatLieOrSleepAreLetGo) {
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

TEST_F(DnsServerTest, AQueryInPiecesAndTwoInOneAreAnswered) {
  const UniqueFd fd = guest_->Connect();
  const std::string query = MakeQuery("web.vm.", LDNS_RR_TYPE_A);
  const std::string framed = std::string({'\0', static_cast<char>(query.size())}) + query;
  for (const char byte : framed) ASSERT_OK(WriteFully(fd.get(), absl::string_view(&byte, 1)));
  ASSERT_OK(WriteFully(fd.get(), framed + framed));
  std::string received(3 * (framed.size() + 16), '\0');
  EXPECT_THAT(ReadFully(fd.get(), received.data(), received.size()), IsOkAndHolds(received.size()));
}

TEST_F(DnsServerTest, OneClientsConnectionsLeaveRoomForOthers) {
  std::vector<UniqueFd> connections;
  for (int i = 0; i < 200; ++i) connections.push_back(guest_->Connect());
  EXPECT_EQ(HostDig({"+tcp", "+short", "web.vm"}), "172.30.0.2\n");
  EXPECT_EQ(Dig({"+short", "web.vm"}), "172.30.0.2\n");
}

TEST_F(DnsServerTest, WithoutDescriptorsItAnswersOnAndTcpRecovers) {
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
