// The servers that know the rest of the names.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/netd/dns/socket_address.h"

namespace banger::netd::dns {

// The addresses of the `nameserver` lines, in order; others are skipped.
std::vector<SocketAddress> ParseResolvConf(absl::string_view text);

// Used by one thread.
class Upstreams {
 public:
  struct Options {
    // When there are any, nothing else counts.
    std::vector<SocketAddress> configured;
    // Read again after it has changed: a VPN comes and goes.
    std::filesystem::path resolv_conf;
    // Its text; not needed where there are configured ones.
    std::function<absl::StatusOr<std::string>()> read_resolv_conf;
    // Ourselves: never asked, or queries would go round in a circle.
    std::vector<SocketAddress> ours;
  };

  explicit Upstreams(Options options);

  // In the order in which to ask; empty when the host has none.
  const std::vector<SocketAddress>& Current();

  // The others are asked before this one from now on.
  void NoteFailure(const SocketAddress& upstream);

 private:
  void ReadAgain();
  void Use(std::vector<SocketAddress> servers);

  const Options options_;
  std::vector<SocketAddress> current_;
  std::chrono::steady_clock::time_point next_look_{};
  // Of the file when it was read; none: it was not there.
  std::optional<struct stat> seen_;
};

}  // namespace banger::netd::dns
