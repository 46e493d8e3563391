// The names of the guests that run.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/sync/mutex.h"
#include "services/netd/core/ports.h"

namespace banger::netd::dns {

// One address for each name, one name for each address. Thread-safe: the
// network writes while the server reads.
class Zone final : public NameRegistry {
 public:
  // `serial` is that of the SOA record; each change adds one.
  explicit Zone(std::uint32_t serial) : serial_(serial) {}

  void Publish(const std::string& hostname, Ipv4 address) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Withdraw(const std::string& hostname, Ipv4 address) override ABSL_LOCKS_EXCLUDED(mutex_);

  // `hostname` is in lower case.
  std::optional<Ipv4> AddressOf(absl::string_view hostname) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Empty: there is none.
  std::string HostnameOf(Ipv4 address) const ABSL_LOCKS_EXCLUDED(mutex_);

  std::uint32_t serial() const { return serial_; }

 private:
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, Ipv4> addresses_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::uint32_t, std::string> hostnames_ ABSL_GUARDED_BY(mutex_);
  std::atomic<std::uint32_t> serial_;
};

}  // namespace banger::netd::dns
