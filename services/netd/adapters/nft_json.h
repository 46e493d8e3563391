// What `nft -j` prints.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/netd/adapters/nft_program.h"

namespace banger::netd {

// The objects of a kind ("chain", "rule", "set"); NOT_FOUND when what the query
// names is not there.
absl::StatusOr<std::vector<nlohmann::json>> QueryObjects(const NftProgram& nft,
                                                         const std::vector<std::string>& query,
                                                         const char* kind);

}  // namespace banger::netd
