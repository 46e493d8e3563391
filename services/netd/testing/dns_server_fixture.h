// The DNS server in a network of its own, with a guest behind a bridge.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/netd/dns/server.h"
#include "services/netd/testing/dns_messages.h"
#include "services/netd/testing/fake_upstream.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd::dns {

inline constexpr char kGateway[] = "172.30.0.1";
inline constexpr char kGuest[] = "172.30.0.2";

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
    options.tcp.patience = std::chrono::milliseconds(1500);
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

}  // namespace banger::netd::dns
