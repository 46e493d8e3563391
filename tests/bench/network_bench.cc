// What netd costs, on hosts of its own. Prints
//   RESULT network_attach_pool    attach with a spare tap ready, against making it;
//                                 also _nat, for a VM that has some
//   RESULT network_attach_first   the first attach on the host, against the second
//   RESULT network_attach_growth  attach beside 500 VMs, against beside one, both with
//                                 a spare tap ready; also _cold: without, and with NAT
//   RESULT network_names          99th percentile of a VM's name while VMs come and go
//                                 and a guest asks for others, against a quiet netd
//   RESULT network_nat            TCP from a guest to the internet through netd's
//                                 rules, against the same way without them
//   network_bench [ROUNDS [NAME]]    7; NAME: pool, first, growth, names or nat
// By scripts/bench: scripts/bench network -- ROUNDS NAME
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "services/netd/testing/conversations.h"
#include "services/netd/testing/net_world.h"
#include "services/netd/testing/netd_client.h"
#include "services/netd/testing/network_namespace.h"
#include "tests/bench/name_latency.h"
#include "tests/bench/pairs.h"
#include "tests/bench/tcp_flow.h"

namespace banger::bench {
namespace {

using namespace std::chrono_literals;
using netd::Ip;
using netd::Namespace;
using netd::NetdClient;
using netd::Nft;
using Clock = std::chrono::steady_clock;

constexpr char kGateway[] = "172.30.0.1";
constexpr char kWeb[] = "192.0.2.10";

// Another build's, to compare.
std::string NetdProgram() {
  const char* other = std::getenv("BANGER_NETD");
  return other != nullptr ? other : BANGER_NETD;
}

// A host with a way out, to nowhere yet.
absl::StatusOr<Namespace> MakeHost() {
  BANGER_ASSIGN_OR_RETURN(Namespace host, Namespace::Create());
  host.Run([] { netd::DisableIpv6(); });
  host.Ip("link add up0 type veth peer name host0");
  host.Ip("addr add 198.51.100.2/24 dev up0");
  for (const char* end : {"up0", "host0"}) host.Ip(absl::StrCat("link set ", end, " up"));
  host.Ip("route add default via 198.51.100.1");
  return host;
}

// banger-netd on a host of its own; its ledger in memory, as /run is.
class Netd {
 public:
  static absl::StatusOr<std::unique_ptr<Netd>> Start(int pool) {
    BANGER_ASSIGN_OR_RETURN(Namespace host, MakeHost());
    BANGER_ASSIGN_OR_RETURN(TempDir root, TempDir::Create("/dev/shm"));
    BANGER_RETURN_IF_ERROR(WriteFileAtomically(
        root.path() / "config.toml",
        absl::StrCat("log_level = \"error\"\n[network]\nprefix = 22\ntap_pool_size = ", pool, "\n")));
    absl::StatusOr<Subprocess> daemon = absl::UnknownError("not started");
    host.Run([&] {
      daemon = Subprocess::Start(
          {.argv = {NetdProgram()},
           .env = std::vector<std::string>{absl::StrCat("BANGER_ROOT=", root.path().string())}});
    });
    if (!daemon.ok()) return daemon.status();
    BANGER_RETURN_IF_ERROR(
        rpc::WaitForDaemon(*rpc::ConnectDaemon(root.path() / "netd" / "netd.sock"), "netd", 20s));
    return std::unique_ptr<Netd>(new Netd(std::move(host), std::move(root), *std::move(daemon)));
  }
  const Namespace& host() const { return host_; }
  // Leaves what is there.
  void Kill() {
    daemon_.Signal(SIGKILL).IgnoreError();
    daemon_.Wait().status().IgnoreError();
  }

  // A VM up to its attach; how many milliseconds that takes.
  absl::StatusOr<double> Attach(const std::string& id, bool nat = true,
                                netd::v1::Endpoint* endpoint = nullptr) {
    BANGER_RETURN_IF_ERROR(client_.Create(id, id).status());
    netd::v1::EndpointPolicy policy;
    policy.set_nat(nat);
    BANGER_RETURN_IF_ERROR(client_.SetPolicy(id, policy));
    const Clock::time_point begin = Clock::now();
    BANGER_ASSIGN_OR_RETURN(const netd::v1::Endpoint attached, client_.Attach(id));
    const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
    if (endpoint != nullptr) *endpoint = attached;
    return took.count();
  }
  // As a VMM has it.
  absl::StatusOr<UniqueFd> OpenQueue(const std::string& id) { return client_.OpenDescriptor(id); }
  absl::Status Delete(const std::string& id) { return client_.Delete(id); }

  absl::Status WaitForSpares(std::size_t count) const {
    return Eventually([&] { return Spares() == count; }) ? absl::OkStatus()
                                                         : absl::InternalError("the pool does not fill");
  }

 private:
  Netd(Namespace host, TempDir root, Subprocess daemon)
      : host_(std::move(host)),
        root_(std::move(root)),
        daemon_(std::move(daemon)),
        client_(root_.path() / "netd", 0) {}

  std::size_t Spares() const {
    std::size_t spares = 0;
    host_.Run([&] {
      for (const auto& link : nlohmann::json::parse(Ip("-j link show"))) {
        const bool is_up = absl::StrContains(link["flags"].dump(), "\"UP\"");
        spares += is_up && absl::EndsWith(link.value("ifalias", ""), ":") ? 1 : 0;
      }
    });
    return spares;
  }

  const Namespace host_;
  TempDir root_;
  Subprocess daemon_;
  NetdClient client_;
};

absl::Status FromPool(const std::string& name, bool nat, int rounds) {
  BANGER_ASSIGN_OR_RETURN(const auto pool, Netd::Start(4));
  BANGER_ASSIGN_OR_RETURN(const auto cold, Netd::Start(0));
  Pairs pairs;
  for (Netd* netd : {pool.get(), cold.get()}) BANGER_RETURN_IF_ERROR(netd->Attach("stays").status());
  for (int i = 0; i < 5 * rounds; ++i) {
    BANGER_RETURN_IF_ERROR(pool->WaitForSpares(4));
    BANGER_ASSIGN_OR_RETURN(const double taken, pool->Attach("vm", nat));
    BANGER_RETURN_IF_ERROR(pool->WaitForSpares(4));
    BANGER_ASSIGN_OR_RETURN(const double made, cold->Attach("vm", nat));
    pairs.Add(taken, made);
    for (Netd* netd : {pool.get(), cold.get()}) BANGER_RETURN_IF_ERROR(netd->Delete("vm"));
  }
  pairs.Print(name, "ms");
  return absl::OkStatus();
}

absl::Status First(int rounds) {
  Pairs pairs;
  for (int i = 0; i < rounds; ++i) {
    BANGER_ASSIGN_OR_RETURN(const auto netd, Netd::Start(0));
    BANGER_ASSIGN_OR_RETURN(const double first, netd->Attach("first"));
    BANGER_ASSIGN_OR_RETURN(const double second, netd->Attach("second"));
    pairs.Add(first, second);
  }
  pairs.Print("network_attach_first", "ms");
  return absl::OkStatus();
}

absl::Status Growth(const std::string& name, int spares, int rounds) {
  constexpr int kVms = 500;
  BANGER_ASSIGN_OR_RETURN(const auto many, Netd::Start(spares));
  BANGER_ASSIGN_OR_RETURN(const auto few, Netd::Start(spares));
  std::vector<UniqueFd> queues;
  for (int i = 0; i < kVms; ++i) {
    const std::string id = absl::StrCat("vm-", i);
    BANGER_RETURN_IF_ERROR(many->Attach(id).status());
    BANGER_ASSIGN_OR_RETURN(queues.emplace_back(), many->OpenQueue(id));
  }
  BANGER_RETURN_IF_ERROR(few->Attach("stays").status());
  Pairs pairs;
  for (int i = 0; i < 5 * rounds; ++i) {
    for (Netd* netd : {many.get(), few.get()})
      BANGER_RETURN_IF_ERROR(netd->WaitForSpares(static_cast<std::size_t>(spares)));
    BANGER_ASSIGN_OR_RETURN(const double at_many, many->Attach("vm", spares == 0));
    BANGER_ASSIGN_OR_RETURN(const double at_few, few->Attach("vm", spares == 0));
    pairs.Add(at_many, at_few);
    for (Netd* netd : {many.get(), few.get()}) BANGER_RETURN_IF_ERROR(netd->Delete("vm"));
  }
  pairs.Print(name, "ms");
  return absl::OkStatus();
}

absl::Status Names(int rounds) {
  constexpr int kQuestions = 500;
  BANGER_ASSIGN_OR_RETURN(const auto netd, Netd::Start(0));
  netd::v1::Endpoint endpoint;
  BANGER_RETURN_IF_ERROR(netd->Attach("guest", false, &endpoint).status());
  BANGER_ASSIGN_OR_RETURN(UniqueFd queue, netd->OpenQueue("guest"));
  BANGER_ASSIGN_OR_RETURN(const auto guest,
                          netd::GuestMachine::Boot(std::move(queue), endpoint.address(), endpoint.mac(),
                                                   *netd::Subnet::Create(*netd::Ipv4::Parse(kGateway), 22)));
  if (!Eventually([&] { return netd::Pings(guest->inside(), kGateway); }))
    return absl::InternalError("no way to the host");
  Pairs pairs;
  for (int i = 0; i < rounds; ++i) {
    absl::StatusOr<double> busy = 0.0;
    int others = 0;
    {
      const std::jthread asker(
          [&](const std::stop_token& stop) { others = AskForOthers(guest->inside(), kGateway, stop); });
      const std::jthread caller([&](const std::stop_token& stop) {
        while (!stop.stop_requested() && netd->Attach("vm").ok() && netd->Delete("vm").ok()) {
        }
      });
      busy = NameLatency99(netd->host(), "guest", kQuestions);
    }
    if (others == 0) return absl::InternalError("the guest has no DNS");
    BANGER_ASSIGN_OR_RETURN(const double quiet, NameLatency99(netd->host(), "guest", kQuestions));
    if (!busy.ok()) return busy.status();
    pairs.Add(*busy, quiet);
  }
  pairs.Print("network_names", "ms");
  return absl::OkStatus();
}

// The guest's tap is replaced by a veth of its name, as otherwise the program
// that carries frames from tap to guest would be what is measured. netd is dead
// meanwhile: it would put the rules back.
absl::Status Throughput(int rounds) {
  BANGER_ASSIGN_OR_RETURN(const auto netd, Netd::Start(0));
  netd::v1::Endpoint endpoint;
  BANGER_RETURN_IF_ERROR(netd->Attach("bulk", true, &endpoint).status());
  netd->Kill();
  const Namespace& host = netd->host();
  BANGER_ASSIGN_OR_RETURN(const Namespace internet, Namespace::Create());
  host.Ip("link set host0 netns " + internet.path());
  internet.Ip("addr add 198.51.100.1/24 dev host0");
  internet.Ip("link set host0 up");
  internet.Ip(absl::StrCat("addr add ", kWeb, "/32 dev lo"));
  internet.Ip("route add 172.30.0.0/16 via 198.51.100.2");  // for the way without NAT
  BANGER_ASSIGN_OR_RETURN(const Namespace guest, Namespace::Create());
  host.Ip("link del " + endpoint.tap());
  host.Ip(absl::StrCat("link add ", endpoint.tap(), " type veth peer name eth0 netns ", guest.path()));
  host.Ip(absl::StrCat("link set ", endpoint.tap(), " master br-banger up"));
  guest.Ip(absl::StrCat("link set eth0 address ", endpoint.mac(), " up"));
  guest.Ip(absl::StrCat("addr add ", endpoint.address(), "/22 dev eth0"));
  guest.Ip("route add default via 172.30.0.1");
  if (!Eventually([&] { return netd::Pings(guest, kWeb); })) return absl::InternalError("no way out");

  BANGER_ASSIGN_OR_RETURN(const TempDir directory, TempDir::Create());
  const std::string rules = (directory.path() / "rules").string();
  host.Run([&] { WriteFileAtomically(rules, Nft("list ruleset")).IgnoreError(); });
  Pairs pairs;
  for (int i = 0; i < rounds; ++i) {
    const double ours = MeasureTcp(guest, internet, kWeb, 2s);
    host.Run([] { Nft("flush ruleset"); });
    const double plain = MeasureTcp(guest, internet, kWeb, 2s);
    if (ours == 0 || plain == 0) return absl::InternalError("no connection");
    pairs.Add(ours / 1e9, plain / 1e9);
    host.Run([&] { RunCommandOk({.argv = {"nft", "-f", rules}}).status().IgnoreError(); });
  }
  pairs.Print("network_nat", "Gbit/s");
  return absl::OkStatus();
}

absl::Status Bench(const std::vector<std::string>& arguments) {
  int rounds = 7;
  if (!arguments.empty() && (!absl::SimpleAtoi(arguments[0], &rounds) || rounds < 1))
    return absl::InvalidArgumentError(absl::StrCat("ROUNDS '", arguments[0], "' is no number above 0"));
  const std::string only = arguments.size() > 1 ? arguments[1] : "";
  const std::set<std::string> names = {"", "pool", "first", "growth", "names", "nat"};
  if (names.count(only) == 0)
    return absl::InvalidArgumentError(
        absl::StrCat("no benchmark '", only, "': pool, first, growth, names or nat"));
  ::signal(SIGPIPE, SIG_IGN);
  if (::geteuid() != 0) return absl::FailedPreconditionError("needs root");
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  if (wanted("pool")) {
    BANGER_RETURN_IF_ERROR(FromPool("network_attach_pool", false, rounds));
    BANGER_RETURN_IF_ERROR(FromPool("network_attach_pool_nat", true, rounds));
  }
  if (wanted("first")) BANGER_RETURN_IF_ERROR(First(rounds));
  if (wanted("growth")) {
    BANGER_RETURN_IF_ERROR(Growth("network_attach_growth", 4, rounds));
    BANGER_RETURN_IF_ERROR(Growth("network_attach_growth_cold", 0, rounds));
  }
  if (wanted("names")) BANGER_RETURN_IF_ERROR(Names(rounds));
  if (wanted("nat")) BANGER_RETURN_IF_ERROR(Throughput(rounds));
  return absl::OkStatus();
}

}  // namespace
}  // namespace banger::bench

int main(int argc, char** argv) {
  const absl::Status status = banger::bench::Bench({argv + 1, argv + argc});
  if (!status.ok()) std::fprintf(stderr, "network_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
