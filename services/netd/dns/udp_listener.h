// DNS over UDP.
#pragma once

#include <netinet/in.h>

#include <memory>

#include "common/os/unique_fd.h"
#include "services/netd/dns/client_rules.h"
#include "services/netd/dns/event_loop.h"
#include "services/netd/dns/forwarder.h"
#include "services/netd/dns/responder.h"

namespace banger::netd::dns {

// Takes and sends datagrams in batches. On the loop's thread.
class UdpListener {
 public:
  // All must outlive it; nothing may be asked of the forwarder after it is gone.
  UdpListener(EventLoop& loop, UniqueFd socket, ClientRules& rules, const Responder& responder,
              Forwarder& forwarder);
  ~UdpListener();
  UdpListener(const UdpListener&) = delete;
  UdpListener& operator=(const UdpListener&) = delete;

  absl::Status Start();

 private:
  struct Batch;

  void OnReadable();
  // The size of the reply in the batch's slot; 0 when there is none (yet).
  std::size_t Handle(std::size_t slot, std::size_t size);
  void Send(std::size_t count);
  void Forward(const Query& query, const Client& client, const sockaddr_in& peer);

  EventLoop& loop_;
  const UniqueFd socket_;
  ClientRules& rules_;
  const Responder& responder_;
  Forwarder& forwarder_;
  const std::unique_ptr<Batch> batch_;
};

}  // namespace banger::netd::dns
