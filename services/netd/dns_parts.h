// netd's DNS put together.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config/config.h"
#include "services/netd/adapters/resolv_conf.h"
#include "services/netd/convert.h"
#include "services/netd/core/network.h"
#include "services/netd/dns/host_resolver.h"
#include "services/netd/dns/server.h"
#include "services/netd/dns/zone.h"
#include "services/netd/egress_policy.h"

namespace banger::netd {

class DnsParts {
 public:
  // While netd has root's rights still: what it listens on, and the helper that
  // reads resolv.conf. A wrong configuration is an error, an address that is taken
  // a warning. `on_lost` as in HelperProcess.
  static absl::StatusOr<std::unique_ptr<DnsParts>> Bind(const NetworkConfig& config, const Subnet& subnet,
                                                        std::function<void()> on_lost);

  // What the network tells its guests' names; lives as long as this.
  NameRegistry& names() { return zone_; }

  // Serves until Stop; `network` says who may resolve what, and must live until
  // then.
  absl::Status Start(Network& network);
  void Stop();

  // Between Start and Stop. Thread-safe.
  DnsStatus status() const;

 private:
  DnsParts(const NetworkConfig& config, const Subnet& subnet);

  const NetworkConfig config_;
  const Subnet subnet_;
  dns::Zone zone_;
  dns::DnsSockets sockets_;
  std::vector<dns::SocketAddress> upstreams_;
  std::unique_ptr<ResolvConf> resolv_conf_;  // none when upstreams are configured
  bool tells_host_ = false;
  DnsStatus status_;  // without what changes later
  std::unique_ptr<EgressPolicy> policy_;
  std::unique_ptr<dns::DnsServer> server_;
  std::unique_ptr<dns::HostResolver> host_resolver_;
};

}  // namespace banger::netd
