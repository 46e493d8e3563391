// Who reaches whom among the machines of net_world.h, and as whom: questions and
// answers by TCP, UDP and ICMP.
#pragma once

#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/netd/testing/net_world.h"

namespace banger::netd {

// Answers each TCP connection, each piece that comes by it, and each UDP datagram
// to a port with the address it came from ("198.51.100.2"). Takes the port only
// where it is free.
class WhoAmIServer {
 public:
  WhoAmIServer(const Namespace& where, int port);
  WhoAmIServer(const WhoAmIServer&) = delete;
  WhoAmIServer& operator=(const WhoAmIServer&) = delete;

 private:
  void Serve(const std::stop_token& stop) const;

  UniqueFd tcp_;
  UniqueFd udp_;
  std::jthread thread_;
};

enum class Protocol { kTcp, kUdp };

// What a WhoAmIServer there answers, or why none does: refused at once, or
// DEADLINE_EXCEEDED when nobody says a word. `source` is an address to send from.
absl::StatusOr<std::string> WhoAmI(const Namespace& from, const std::string& address, int port,
                                   Protocol protocol = Protocol::kTcp, const std::string& source = "");

// A TCP connection to a WhoAmIServer.
class Conversation {
 public:
  Conversation(const Namespace& from, const std::string& address, int port);
  // Whether what is said now is answered.
  bool GoesOn() const;

 private:
  UniqueFd socket_;
};

// One ICMP echo and its reply.
bool Pings(const Namespace& from, const std::string& address);

}  // namespace banger::netd
