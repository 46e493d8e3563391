#include "services/netd/server.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/log/log.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/adapters/confinement.h"
#include "services/netd/adapters/file_ledger.h"
#include "services/netd/adapters/former.h"
#include "services/netd/adapters/host_watcher.h"
#include "services/netd/adapters/ipv6_prefix.h"
#include "services/netd/adapters/linux_link_host.h"
#include "services/netd/adapters/linux_router.h"
#include "services/netd/adapters/nft_firewall.h"
#include "services/netd/adapters/subnet_choice.h"
#include "services/netd/core/network.h"
#include "services/netd/dns_parts.h"
#include "services/netd/errors.h"
#include "services/netd/network_service.h"
#include "services/netd/tap_pool.h"
#include "services/netd/tap_server.h"

namespace banger::netd {
namespace {

// What others change of routes and rules is noticed at once; this is for what
// nobody tells.
constexpr std::chrono::seconds kReconcileInterval{60};

// --reconcile-interval: "60s", "500ms".
absl::StatusOr<std::chrono::milliseconds> ReconcileInterval(const std::map<std::string, std::string>& flags) {
  const auto flag = flags.find("--reconcile-interval");
  if (flag == flags.end()) return kReconcileInterval;
  absl::Duration interval;
  if (!absl::ParseDuration(flag->second, &interval) || interval < absl::Milliseconds(10) ||
      interval > absl::Hours(24))
    return absl::InvalidArgumentError(
        absl::StrCat("--reconcile-interval '", flag->second, "' is not a duration of 10ms to 24h, like 60s"));
  return absl::ToChronoMilliseconds(interval);
}

// Root, and the uid of --client-uid, else that of user `banger` where there is one.
absl::StatusOr<std::set<uid_t>> Clients(const std::map<std::string, std::string>& flags) {
  std::set<uid_t> clients = {Network::kRoot};
  if (const auto flag = flags.find("--client-uid"); flag != flags.end()) {
    uid_t uid = 0;
    if (!absl::SimpleAtoi(flag->second, &uid))
      return absl::InvalidArgumentError(absl::StrCat("--client-uid '", flag->second, "' is not a uid"));
    clients.insert(uid);
  } else if (const passwd* user = ::getpwnam("banger"); user != nullptr) {
    clients.insert(user->pw_uid);
  }
  return clients;
}

// Whoever could write there could choose what the ledger says.
absl::Status CheckDirectory(const std::filesystem::path& directory) {
  struct stat found {};
  if (::lstat(directory.c_str(), &found) < 0)
    return ErrnoError(errno, absl::StrCat("look at '", directory.string(), "'"));
  if (!S_ISDIR(found.st_mode) || found.st_uid != ::geteuid() || (found.st_mode & 022) != 0)
    return absl::FailedPreconditionError(
        absl::StrCat("'", directory.string(), "' must be a directory that only root can write to"));
  return absl::OkStatus();
}

absl::StatusOr<Subnet> Ipv4Subnet(const NetworkConfig& config, const std::filesystem::path& directory) {
  if (config.address.empty()) {
    BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<Netlink> netlink, Netlink::Connect());
    return ChooseSubnet(*netlink, config.bridge, LinuxLinkHost::MarkOf(config.bridge, directory),
                        config.prefix);
  }
  const absl::StatusOr<Ipv4> gateway = Ipv4::Parse(config.address);
  if (!gateway.ok()) return Annotate(gateway.status(), "[network] address");
  absl::StatusOr<Subnet> subnet = Subnet::Create(*gateway, config.prefix);
  if (!subnet.ok()) return Annotate(subnet.status(), "[network]");
  return subnet;
}

absl::StatusOr<Subnet> ConfiguredSubnet(const NetworkConfig& config, const std::filesystem::path& directory) {
  BANGER_ASSIGN_OR_RETURN(Subnet subnet, Ipv4Subnet(config, directory));
  if (!config.ipv6) return subnet;
  if (!std::filesystem::exists("/proc/sys/net/ipv6")) return NoIpv6();
  const absl::StatusOr<Prefix> prefix =
      config.ipv6_prefix.empty() ? ChooseIpv6Prefix(config.bridge, "/etc/machine-id", directory / "ipv6-seed")
                                 : Prefix::Parse(config.ipv6_prefix);
  if (!prefix.ok()) return Annotate(prefix.status(), "[network] ipv6_prefix");
  absl::StatusOr<Subnet> both = subnet.WithIpv6(*prefix);
  if (!both.ok()) return Annotate(both.status(), "[network] ipv6_prefix");
  return both;
}

// Whoever started us starts us again; what is on the host stays as it is, as after
// any death of ours.
void EndWithoutHelper() {
  log::Error("a helper process has ended; netd cannot go on without it", {});
  std::_Exit(1);
}

void Refresh(Network& network) {
  const absl::StatusOr<bool> repaired = network.Refresh();
  if (!repaired.ok())
    log::Error("rules not put right", {{"error", std::string(repaired.status().message())}});
  else if (*repaired)
    log::Warn("somebody changed our firewall rules; put in place again", {});
}

// What is there of an earlier configuration.
absl::Status TidyUp(const NftProgram& nft, const std::string& bridge,
                    const std::filesystem::path& directory) {
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<Netlink> netlink, Netlink::Connect());
  const FormerBridges former = RemoveFormerBridges(*netlink, nft, bridge, directory);
  for (const absl::Status& failure : former.failures)
    log::Error("former bridge not removed", {{"error", std::string(failure.message())}});
  for (const std::string& name : former.removed) log::Info("former bridge removed", {{"interface", name}});
  for (const std::string& name : former.in_use)
    log::Warn("former bridge stays until netd's next start: a VM uses it", {{"interface", name}});
  return absl::OkStatus();
}

void Report(const Reconciliation& done) {
  if (!done.ledger.ok())
    log::Warn("ledger damaged; went by what the host has", {{"error", std::string(done.ledger.message())}});
  for (const absl::Status& failure : done.failures)
    log::Error("not put right", {{"error", std::string(failure.message())}});
  if (!done.detached.empty() || !done.removed.empty())
    log::Info("took up earlier work", {{"adopted", absl::StrJoin(done.adopted, " ")},
                                       {"detached", absl::StrJoin(done.detached, " ")},
                                       {"removed", absl::StrJoin(done.removed, " ")}});
}

class NetdParts final : public rpc::DaemonParts {
 public:
  static absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> Create(
      const rpc::DaemonContext& context, const Subnet& subnet, std::set<uid_t> clients,
      std::unique_ptr<DnsParts> names, const NftProgram& nft, std::chrono::milliseconds interval) {
    const std::filesystem::path directory = context.paths.netd_run_dir;
    std::unique_ptr<NetdParts> parts(new NetdParts(std::move(clients), directory));
    BANGER_ASSIGN_OR_RETURN(parts->host_, LinuxLinkHost::Create({.bridge = context.config.network.bridge,
                                                                 .subnet = subnet,
                                                                 .directory = directory}));
    BANGER_ASSIGN_OR_RETURN(parts->router_,
                            LinuxRouter::Create({.bridge = context.config.network.bridge,
                                                 .ipv6_undo = directory / "ipv6-forwarding.json"}));
    const std::string& bridge = context.config.network.bridge;
    parts->firewall_.emplace(
        nft, FirewallTarget{.bridge = bridge, .subnet = subnet, .mark = MarkOfRules(bridge, directory)});
    parts->dns_ = std::move(names);
    Reconciliation done;
    BANGER_ASSIGN_OR_RETURN(parts->network_, Network::Start(bridge, subnet,
                                                            {.links = *parts->host_,
                                                             .firewall = *parts->firewall_,
                                                             .router = *parts->router_,
                                                             .ledger = parts->ledger_,
                                                             .names = parts->dns_->names()},
                                                            &done));
    Report(done);
    BANGER_ASSIGN_OR_RETURN(
        parts->watcher_,
        HostWatcher::Start(subnet.families(),
                           {.on_change = [network = parts->network_.get()] { Refresh(*network); },
                            .on_time = [network = parts->network_.get()] { Report(network->Reconcile()); }},
                           interval));
    const auto pool_size = static_cast<std::size_t>(context.config.network.tap_pool_size);
    parts->pool_.emplace(TapPool::Options{.size = pool_size}, *parts->network_);
    BANGER_RETURN_IF_ERROR(parts->dns_->Start(*parts->network_));
    parts->service_.emplace(
        context.config.network.bridge, [dns = parts->dns_.get()] { return dns->status(); }, *parts->network_,
        context.workers);
    BANGER_RETURN_IF_ERROR(parts->StartTapServer(directory / "tap.sock"));
    return parts;
  }

  // After the last call has ended.
  ~NetdParts() override {
    watcher_.reset();
    pool_.reset();
    taps_.reset();
    if (dns_ != nullptr) dns_->Stop();
    if (network_ == nullptr) return;
    if (const absl::Status stopped = network_->Stop(); !stopped.ok())
      log::Error("bridge not removed", {{"error", std::string(stopped.message())}});
  }

  void Register(grpc::ServerBuilder& builder) override { builder.RegisterService(&*service_); }
  bool Authorize(const PeerCredentials& peer) override { return clients_.count(peer.uid) != 0; }
  void OnShutdown() override { taps_.reset(); }

 private:
  NetdParts(std::set<uid_t> clients, const std::filesystem::path& directory)
      : clients_(std::move(clients)), ledger_(directory) {}

  absl::Status StartTapServer(const std::filesystem::path& socket) {
    BANGER_ASSIGN_OR_RETURN(
        taps_, TapServer::Start({.socket = socket,
                                 .authorize = [this](const PeerCredentials& peer) { return Authorize(peer); },
                                 .open_tap = [this](const std::string& tap) { return host_->OpenTap(tap); }},
                                *network_));
    return absl::OkStatus();
  }

  const std::set<uid_t> clients_;
  FileLedger ledger_;
  std::unique_ptr<DnsParts> dns_;  // goes after the network, which tells it names
  std::unique_ptr<LinuxLinkHost> host_;
  std::unique_ptr<LinuxRouter> router_;
  std::optional<NftFirewall> firewall_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<HostWatcher> watcher_;
  std::optional<TapPool> pool_;
  std::optional<NetworkService> service_;
  std::unique_ptr<TapServer> taps_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeServer(const rpc::DaemonContext& context) {
  BANGER_ASSIGN_OR_RETURN(std::set<uid_t> clients, Clients(context.own_flags));
  BANGER_ASSIGN_OR_RETURN(const std::chrono::milliseconds interval, ReconcileInterval(context.own_flags));
  const NetworkConfig& config = context.config.network;
  const std::filesystem::path& directory = context.paths.netd_run_dir;
  BANGER_RETURN_IF_ERROR(CheckBridgeName(config.bridge));
  BANGER_RETURN_IF_ERROR(CheckDirectory(directory));
  BANGER_RETURN_IF_ERROR(FileLedger::Prepare(directory));
  BANGER_ASSIGN_OR_RETURN(const NftProgram nft, NftProgram::Start(EndWithoutHelper));
  // Before the subnet is chosen: a former bridge may have it.
  BANGER_RETURN_IF_ERROR(TidyUp(nft, config.bridge, directory));
  BANGER_ASSIGN_OR_RETURN(const Subnet subnet, ConfiguredSubnet(config, directory));
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<DnsParts> names, DnsParts::Bind(config, subnet, EndWithoutHelper));
  BANGER_ASSIGN_OR_RETURN(const bool has_landlock, ConfineDaemon(directory));
  if (!has_landlock)
    log::Warn("this kernel has no Landlock: only permissions and seccomp keep netd from files", {});
  return NetdParts::Create(context, subnet, std::move(clients), std::move(names), nft, interval);
}

}  // namespace banger::netd
