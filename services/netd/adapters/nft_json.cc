#include "services/netd/adapters/nft_json.h"

#include "common/status/status_macros.h"
#include "services/netd/errors.h"

namespace banger::netd {

using nlohmann::json;

absl::StatusOr<std::vector<json>> QueryObjects(const NftProgram& nft, const std::vector<std::string>& query,
                                               const char* kind) {
  BANGER_ASSIGN_OR_RETURN(const std::string text, nft.Query(query));
  const json listed = json::parse(text, nullptr, false);
  std::vector<json> objects;
  if (!listed.is_object() || !listed.contains("nftables")) return FirewallFailed("nft printed no JSON");
  for (const json& entry : listed["nftables"])
    if (entry.contains(kind)) objects.push_back(entry[kind]);
  return objects;
}

}  // namespace banger::netd
