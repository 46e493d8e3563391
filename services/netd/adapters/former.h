#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/netd/adapters/netlink.h"
#include "services/netd/adapters/nft_program.h"

namespace banger::netd {

struct FormerBridges {
  std::vector<std::string> removed;
  std::vector<std::string> in_use;
  std::vector<absl::Status> failures;  // nothing else suffers
};

// Removes what this netd, known by its directory, has made for bridges of other
// names, as [network] bridge was another: their taps, themselves, and their rules.
// A bridge stays with all it has while a guest uses one of its taps.
FormerBridges RemoveFormerBridges(Netlink& netlink, const NftProgram& nft, const std::string& bridge,
                                  const std::filesystem::path& directory);

}  // namespace banger::netd
