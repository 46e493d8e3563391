// What vmd configures at each start, besides the network.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger::agent {

// Names the machine: the kernel's name, /etc/hostname and /etc/hosts, where it
// has `address` (empty: 127.0.1.1). INVALID_ARGUMENT unless it is a DNS label.
absl::Status SetHostname(const std::string& hostname, const std::string& address);

absl::Status SetNameservers(const std::vector<std::string>& nameservers);

absl::Status SetClock(std::chrono::system_clock::time_point time);

// Writes a file of root's below `root`. `path` is absolute or begins with "~/",
// which is /root; ".." and empty names are refused. Symbolic links on the way
// are resolved as in the guest; a file in the way is replaced, never followed.
absl::Status WriteGuestFile(const std::string& path, absl::string_view content, unsigned mode,
                            const std::filesystem::path& root = "/");

// Asks whatever is PID 1 to shut the machine down.
absl::Status PowerOff();

}  // namespace banger::agent
