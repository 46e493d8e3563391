// netd's DNS server.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "services/netd/core/address.h"
#include "services/netd/dns/event_loop.h"
#include "services/netd/dns/forwarder.h"
#include "services/netd/dns/policy.h"
#include "services/netd/dns/sockets.h"
#include "services/netd/dns/tcp_listener.h"
#include "services/netd/dns/udp_listener.h"
#include "services/netd/dns/upstreams.h"
#include "services/netd/dns/zone.h"

namespace banger::netd::dns {

// Answers for .vm and reverse names out of the zone; forwards what guests ask
// beyond them. One thread, which never waits for anybody.
class DnsServer {
 public:
  struct Options {
    Subnet subnet;
    std::string bridge;
    Upstreams::Options upstreams;
    // May be null: guests may resolve everything. Must outlive the server.
    ResolverPolicy* policy = nullptr;
    Forwarder::Limits forwarder;
    TcpListener::Limits tcp;
  };

  // Serves on the sockets that are there. `zone` must outlive it.
  static absl::StatusOr<std::unique_ptr<DnsServer>> Start(Options options, DnsSockets sockets,
                                                          const Zone& zone);
  ~DnsServer();

 private:
  DnsServer(Options options, std::unique_ptr<EventLoop> loop, const Zone& zone);
  absl::Status Listen(ListenSockets sockets);

  const Options options_;
  const std::unique_ptr<EventLoop> loop_;
  ClientRules rules_;
  const Responder responder_;
  Upstreams upstreams_;
  Forwarder forwarder_;
  std::vector<std::unique_ptr<UdpListener>> udp_;
  std::vector<std::unique_ptr<TcpListener>> tcp_;
  std::thread thread_;
};

}  // namespace banger::netd::dns
