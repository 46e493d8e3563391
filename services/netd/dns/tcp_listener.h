// DNS over TCP (RFC 7766).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/os/unique_fd.h"
#include "services/netd/dns/client_rules.h"
#include "services/netd/dns/event_loop.h"
#include "services/netd/dns/forwarder.h"
#include "services/netd/dns/responder.h"

namespace banger::netd::dns {

// Serves each connection's queries one after the other. A connection ends when
// it has not sent a whole query, or taken an answer, for `patience`; when there
// are too many, the one that has been quiet for longest makes room. On the
// loop's thread.
class TcpListener {
 public:
  struct Limits {
    std::size_t connections = 100;
    std::size_t connections_per_client = 10;
    std::chrono::milliseconds patience = std::chrono::seconds(10);
  };

  // All must outlive it; nothing may be asked of the forwarder after it is gone.
  TcpListener(EventLoop& loop, UniqueFd socket, ClientRules& rules, const Responder& responder,
              Forwarder& forwarder, const Limits& limits);
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  absl::Status Start();

 private:
  struct Connection {
    std::uint64_t id = 0;
    UniqueFd fd;
    Client client;
    std::string in;
    std::string out;
    bool busy = false;   // a query of it is with the forwarder
    bool ended = false;  // it sends no more
    EventLoop::TimerId timer;
    EventLoop::Clock::time_point active;
  };
  using Connections = std::map<std::uint64_t, Connection>;

  void OnAcceptable();
  bool MakeRoom(Ipv4 client);
  void OnEvent(std::uint64_t id, std::uint32_t events);
  // False when the connection is of no use any more.
  bool Read(Connection& connection);
  bool Serve(Connection& connection);
  bool Write(Connection& connection);
  bool Go(Connection& connection);
  void SetTimer(Connection& connection);
  void Close(std::uint64_t id);

  EventLoop& loop_;
  const UniqueFd socket_;
  ClientRules& rules_;
  const Responder& responder_;
  Forwarder& forwarder_;
  const Limits limits_;
  EventLoop::TimerId pause_;
  std::uint64_t last_id_ = 0;
  Connections connections_;
};

}  // namespace banger::netd::dns
