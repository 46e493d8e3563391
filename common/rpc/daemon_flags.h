#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace banger::rpc {

// The command line of a daemon: a few flags, no arguments. All else is
// configuration.
struct DaemonFlags {
  bool help = false;
  bool version = false;
  // Reads the configuration, says whether it is right, and ends.
  bool check_config = false;
  std::string log_level;  // over the configured one
  // The daemon's own flags, each with a value.
  std::map<std::string, std::string> own;
};

// Accepts --flag VALUE and --flag=VALUE. INVALID_ARGUMENT names what is wrong.
absl::StatusOr<DaemonFlags> ParseDaemonFlags(const std::vector<std::string>& arguments,
                                             const std::vector<std::string>& own_flags);

}  // namespace banger::rpc
