// Sockets that wait for callers, as the kernel's tables in /proc/net have them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace banger::agent {

struct Listener {
  bool datagrams = false;  // UDP; else TCP
  std::string address;     // "0.0.0.0", "::1"
  int port = 0;
  std::uint64_t inode = 0;
  pid_t pid = 0;  // 0 while not known
  std::string process;

  bool operator==(const Listener&) const = default;
};

// One of /proc/net/{tcp,tcp6,udp,udp6}: the sockets of TCP that listen, those of UDP
// that have a port and no peer. Lines that cannot be read are left out.
std::vector<Listener> ParseSocketTable(absl::string_view table, bool datagrams);

// By port, each once: several sockets of one process with the same address (as with
// SO_REUSEPORT) are one. At most `limit`.
std::vector<Listener> Arrange(std::vector<Listener> listeners, std::size_t limit);

}  // namespace banger::agent
