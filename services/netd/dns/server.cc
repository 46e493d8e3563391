#include "services/netd/dns/server.h"

#include <utility>

#include "common/status/status_macros.h"

namespace banger::netd::dns {

absl::StatusOr<std::unique_ptr<DnsServer>> DnsServer::Start(Options options, DnsSockets sockets,
                                                            const Zone& zone) {
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::Create());
  std::unique_ptr<DnsServer> server(new DnsServer(std::move(options), std::move(loop), zone));
  for (ListenSockets* listen : {&sockets.host, &sockets.guests})
    if (listen->valid()) BANGER_RETURN_IF_ERROR(server->Listen(std::move(*listen)));
  server->thread_ = std::thread([self = server.get()] { self->loop_->Run(); });
  return server;
}

DnsServer::DnsServer(Options options, std::unique_ptr<EventLoop> loop, const Zone& zone)
    : options_(std::move(options)),
      loop_(std::move(loop)),
      rules_(options_.subnet, options_.bridge),
      responder_(options_.subnet, zone),
      upstreams_(options_.upstreams),
      forwarder_(*loop_, upstreams_, options_.policy, options_.forwarder) {}

absl::Status DnsServer::Listen(ListenSockets sockets) {
  udp_.push_back(
      std::make_unique<UdpListener>(*loop_, std::move(sockets.udp), rules_, responder_, forwarder_));
  tcp_.push_back(std::make_unique<TcpListener>(*loop_, std::move(sockets.tcp), rules_, responder_, forwarder_,
                                               options_.tcp));
  BANGER_RETURN_IF_ERROR(udp_.back()->Start());
  return tcp_.back()->Start();
}

DnsServer::~DnsServer() {
  if (!thread_.joinable()) return;
  loop_->Stop();
  thread_.join();
}

}  // namespace banger::netd::dns
