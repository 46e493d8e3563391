#include "services/netd/dns_parts.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/log/log.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

constexpr char kResolvConf[] = "/etc/resolv.conf";

// Empty: the host's own.
absl::StatusOr<std::vector<dns::SocketAddress>> ConfiguredUpstreams(const NetworkConfig& config) {
  std::vector<dns::SocketAddress> upstreams;
  for (const std::string& text : config.upstream_dns) {
    const absl::StatusOr<dns::SocketAddress> upstream = dns::SocketAddress::Parse(text, dns::kDnsPort);
    if (!upstream.ok()) return Annotate(upstream.status(), "[network] upstream_dns");
    upstreams.push_back(*upstream);
  }
  return upstreams;
}

}  // namespace

DnsParts::DnsParts(const NetworkConfig& config, const Subnet& subnet)
    : config_(config), subnet_(subnet), zone_(static_cast<std::uint32_t>(absl::ToUnixSeconds(absl::Now()))) {}

absl::StatusOr<std::unique_ptr<DnsParts>> DnsParts::Bind(const NetworkConfig& config, const Subnet& subnet,
                                                         std::function<void()> on_lost) {
  std::unique_ptr<DnsParts> parts(new DnsParts(config, subnet));
  BANGER_ASSIGN_OR_RETURN(parts->upstreams_, ConfiguredUpstreams(config));
  if (parts->upstreams_.empty()) {
    BANGER_ASSIGN_OR_RETURN(parts->resolv_conf_, ResolvConf::Start(kResolvConf, std::move(on_lost)));
  }
  BANGER_ASSIGN_OR_RETURN(parts->sockets_, dns::BindDnsSockets(config.dns_listen, subnet.gateway()));
  const dns::DnsSockets& sockets = parts->sockets_;
  for (const std::string& warning : sockets.warnings) log::Warn("no DNS", {{"error", warning}});
  parts->tells_host_ = sockets.guests.valid() && dns::IsNetworkOfInit();
  parts->status_ = {.guest_server = sockets.guests.valid() ? subnet.gateway().ToString() : "",
                    .host_listen = sockets.host.valid() ? config.dns_listen : "",
                    .warnings = sockets.warnings};
  return parts;
}

absl::Status DnsParts::Start(Network& network) {
  policy_ = std::make_unique<EgressPolicy>(network);
  std::vector<dns::SocketAddress> ours = {dns::SocketAddress(subnet_.gateway(), dns::kDnsPort)};
  if (sockets_.host.valid()) ours.push_back(*dns::ParseListenAddress(config_.dns_listen));
  BANGER_ASSIGN_OR_RETURN(
      server_,
      dns::DnsServer::Start({.subnet = subnet_,
                             .bridge = config_.bridge,
                             .upstreams = {.configured = upstreams_,
                                           .resolv_conf = kResolvConf,
                                           .read_resolv_conf = [this] { return resolv_conf_->Read(); },
                                           .ours = std::move(ours)},
                             .policy = policy_.get()},
                            std::move(sockets_), zone_));
  if (!tells_host_) return absl::OkStatus();
  BANGER_ASSIGN_OR_RETURN(host_resolver_,
                          dns::HostResolver::Start({.subnet = subnet_, .bridge = config_.bridge}));
  return absl::OkStatus();
}

DnsStatus DnsParts::status() const {
  DnsStatus status = status_;
  if (host_resolver_ != nullptr && host_resolver_->is_told()) status.host_resolver = "systemd-resolved";
  return status;
}

void DnsParts::Stop() {
  host_resolver_.reset();
  if (policy_ != nullptr) policy_->Stop();
  server_.reset();
}

}  // namespace banger::netd
