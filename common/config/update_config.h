#pragma once

#include <string>

namespace banger {

// Where `banger update` finds releases: both are set, or there are none.
struct UpdateConfig {
  std::string url;         // of releases.json: https, or http on this host
  std::string public_key;  // minisign's, "RW..."

  bool operator==(const UpdateConfig&) const = default;
};

}  // namespace banger
