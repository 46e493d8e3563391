// One question on its way to the upstreams.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/netd/dns/answer.h"
#include "services/netd/dns/event_loop.h"
#include "services/netd/dns/upstreams.h"

namespace banger::netd::dns {

// Asks one upstream after the other until one answers. Each attempt has a socket
// of its own, connected, so that the kernel drops what comes from elsewhere, and
// with a port of the kernel's random choice; and a random id. What does not fit
// the question is passed over, and the right answer still awaited. An answer that
// was cut is fetched over TCP. On the loop's thread.
class Exchange {
 public:
  struct Limits {
    // Until the next upstream is asked as well; the first may still answer.
    std::chrono::milliseconds patience{1200};
    // Less than a client waits for us (5 s in the C library).
    std::chrono::milliseconds total{4500};
  };
  struct Question {
    std::string bytes;  // name, type, class
    bool dnssec_ok = false;
    bool checking_disabled = false;
  };
  // Null: nobody gave an answer. Called once, unless the exchange is deleted
  // before; may delete it.
  using Done = std::function<void(std::shared_ptr<const Answer>)>;

  // `loop` and `upstreams` must outlive it.
  Exchange(EventLoop& loop, Upstreams& upstreams, Question question, const Limits& limits, Done done);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void Start();

 private:
  struct Attempt {
    SocketAddress server;
    UniqueFd fd;
    std::uint16_t id = 0;
    bool edns = true;
    std::string received;  // over TCP, so far
  };

  void AskNext();
  // False when there was not even a socket to be had.
  bool AskByUdp(const SocketAddress& server, bool edns);
  bool AskByTcp(const SocketAddress& server, bool edns);
  void OnUdp(Attempt& attempt);
  void OnTcp(Attempt& attempt, std::uint32_t events);
  // Each of these may end the exchange: nothing of it is touched afterwards.
  void OnAnswer(Attempt& attempt, std::shared_ptr<const Answer> answer);
  void Fail(Attempt& attempt);
  void Finish(std::shared_ptr<const Answer> answer);

  void Close(Attempt& attempt);
  std::string Message(const Attempt& attempt) const;
  std::shared_ptr<const Answer> Parse(const Attempt& attempt, absl::string_view message) const;

  EventLoop& loop_;
  Upstreams& upstreams_;
  const Question question_;
  const Limits limits_;
  Done done_;
  std::vector<SocketAddress> servers_;
  std::size_t asked_ = 0;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  std::vector<EventLoop::TimerId> timers_;
  // The best of what was no success.
  std::shared_ptr<const Answer> failure_;
};

}  // namespace banger::netd::dns
