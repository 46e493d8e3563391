// Answers guests' queries for names that are not ours.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/netd/dns/cache.h"
#include "services/netd/dns/exchange.h"
#include "services/netd/dns/policy.h"
#include "services/netd/dns/query.h"

namespace banger::netd::dns {

// Equal questions at one time go out once. On the loop's thread; never waits.
class Forwarder {
 public:
  struct Limits {
    // Questions on their way at once, of all clients and of each. Beyond that the
    // answer is SERVFAIL: a client asks again.
    std::size_t in_flight = 150;
    std::size_t in_flight_per_client = 40;
    std::size_t cache_bytes = 8 << 20;
    Exchange::Limits exchange;
  };
  using ReplyFn = std::function<void(absl::string_view reply)>;

  // All must outlive it; `policy` may be null: all is allowed.
  Forwarder(EventLoop& loop, Upstreams& upstreams, ResolverPolicy* policy, const Limits& limits)
      : loop_(loop), upstreams_(upstreams), policy_(policy), limits_(limits), cache_(limits.cache_bytes) {}

  // `reply` gets at most `limit` bytes, at once or later, or is dropped with the
  // forwarder.
  void Ask(const Query& query, Ipv4 client, std::size_t limit, ReplyFn reply);

 private:
  using AnswerPtr = std::shared_ptr<const Answer>;
  // Who waits for an answer, and counts in waiting_of_ as long. Stays where it
  // is, as the query points to the question.
  struct Waiter {
    Query query;
    std::string question;
    Ipv4 client;
    std::size_t limit;
    ReplyFn reply;
    bool is_listed;
  };
  using WaiterPtr = std::shared_ptr<const Waiter>;
  struct Pending {
    std::unique_ptr<Exchange> exchange;
    std::vector<WaiterPtr> waiters;
  };

  bool HasRoomFor(Ipv4 client, bool new_question) const;
  void Begin(const std::string& key, const Query& query);
  void OnDone(const std::string& key, AnswerPtr answer);
  // The answer, once the policy has opened the way to what it names.
  void Serve(const WaiterPtr& waiter, AnswerPtr answer, std::uint32_t age);
  void StopWaiting(const Waiter& waiter);

  EventLoop& loop_;
  Upstreams& upstreams_;
  ResolverPolicy* const policy_;
  const Limits limits_;
  Cache cache_;
  absl::flat_hash_map<std::string, Pending> pending_;
  std::map<Ipv4, std::size_t> waiting_of_;
  // Calls that come back after the forwarder has gone find this gone.
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace banger::netd::dns
