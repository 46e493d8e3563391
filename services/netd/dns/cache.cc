#include "services/netd/dns/cache.h"

namespace banger::netd::dns {
namespace {

constexpr std::size_t kOverhead = 400;  // list, map, Answer itself; about

}  // namespace

std::size_t Cache::SizeOf(const Entry& entry) {
  return kOverhead + 2 * entry.key.size() + entry.answer->size();
}

std::pair<std::shared_ptr<const Answer>, std::uint32_t> Cache::Find(const std::string& key,
                                                                    Clock::time_point now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return {};
  const Entries::iterator entry = found->second;
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - entry->since).count();
  if (age >= entry->answer->lifetime()) {
    Drop(entry);
    return {};
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return {entry->answer, static_cast<std::uint32_t>(age)};
}

void Cache::Put(const std::string& key, std::shared_ptr<const Answer> answer, Clock::time_point now) {
  if (answer->lifetime() == 0) return;
  if (const auto before = by_key_.find(key); before != by_key_.end()) Drop(before->second);
  entries_.push_front({key, std::move(answer), now});
  by_key_[key] = entries_.begin();
  bytes_ += SizeOf(entries_.front());
  while (bytes_ > max_bytes_) Drop(std::prev(entries_.end()));
}

void Cache::Drop(Entries::iterator entry) {
  bytes_ -= SizeOf(*entry);
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace banger::netd::dns
