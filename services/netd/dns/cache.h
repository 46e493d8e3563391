// Answers of upstreams, as long as they are good.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "services/netd/dns/answer.h"

namespace banger::netd::dns {

// Drops what was not used for longest when it gets too large. Used by one thread.
class Cache {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Cache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // The answer and its age in seconds; null when there is none.
  std::pair<std::shared_ptr<const Answer>, std::uint32_t> Find(const std::string& key, Clock::time_point now);

  // Unless its lifetime is 0.
  void Put(const std::string& key, std::shared_ptr<const Answer> answer, Clock::time_point now);

  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const Answer> answer;
    Clock::time_point since;
  };
  using Entries = std::list<Entry>;

  static std::size_t SizeOf(const Entry& entry);
  void Drop(Entries::iterator entry);

  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  Entries entries_;  // the last used first
  absl::flat_hash_map<std::string, Entries::iterator> by_key_;
};

}  // namespace banger::netd::dns
