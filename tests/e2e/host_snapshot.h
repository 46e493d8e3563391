#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace banger::e2e {

// What one banger has on the host at a moment, for comparison before and after.
struct HostSnapshot {
  // Command names of processes that have the root in their command line or
  // environment, with the daemons and the CLI left out.
  std::multiset<std::string> processes;
  // Network interfaces of this network namespace, without those that netd keeps
  // for VMs to come.
  std::set<std::string> links;
  // Paths below state/ and run/, without the store's own files and what vmd makes
  // once for all VMs.
  std::set<std::string> files;

  bool operator==(const HostSnapshot&) const = default;
};

HostSnapshot TakeSnapshot(const std::filesystem::path& root);

// What came and what went, a line each; empty when they are equal.
std::string Changes(const HostSnapshot& before, const HostSnapshot& after);

}  // namespace banger::e2e
