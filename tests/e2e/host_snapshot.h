#pragma once

#include <filesystem>
#include <iosfwd>
#include <set>
#include <string>

namespace banger::e2e {

// What one banger has on the host at a moment, for comparison before and after.
struct HostSnapshot {
  // Command names of processes that have the root in their command line or
  // environment, with the daemons and the CLI left out.
  std::multiset<std::string> processes;
  // Network interfaces of this network namespace.
  std::set<std::string> links;
  // Paths below state/ and run/, without the store's own files and logs.
  std::set<std::string> files;

  bool operator==(const HostSnapshot&) const = default;
};

HostSnapshot TakeSnapshot(const std::filesystem::path& root);

// For gtest: only what there is.
void PrintTo(const HostSnapshot& snapshot, std::ostream* out);

}  // namespace banger::e2e
