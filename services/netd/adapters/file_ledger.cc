#include "services/netd/adapters/file_ledger.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

json ToJson(const Policy& policy) {
  json networks = json::array();
  for (const Prefix& network : policy.egress.networks) networks.push_back(network.ToString());
  return {{"nat", policy.nat},
          {"egress", static_cast<int>(policy.egress.mode)},
          {"networks", networks},
          {"domains", policy.egress.domains},
          {"peers", policy.peers}};
}

json ToJson(const Endpoint& endpoint) {
  return {
      {"id", endpoint.id},   {"address", endpoint.address.ToString()}, {"owner", endpoint.owner},
      {"tap", endpoint.tap}, {"hostname", endpoint.hostname},          {"policy", ToJson(endpoint.policy)}};
}

absl::StatusOr<Policy> PolicyFromJson(const json& row) {
  Policy policy{.nat = row.at("nat").get<bool>(), .peers = row.at("peers").get<std::vector<std::string>>()};
  const int mode = row.at("egress").get<int>();
  if (mode < 0 || mode > static_cast<int>(Egress::Mode::kListed))
    return absl::InvalidArgumentError(absl::StrCat("unknown egress ", mode));
  policy.egress.mode = static_cast<Egress::Mode>(mode);
  policy.egress.domains = row.at("domains").get<std::vector<std::string>>();
  for (const json& text : row.at("networks")) {
    BANGER_ASSIGN_OR_RETURN(const Prefix network, Prefix::Parse(text.get<std::string>()));
    policy.egress.networks.push_back(network);
  }
  return NormalPolicy(std::move(policy));
}

absl::StatusOr<Endpoint> FromJson(const json& row) {
  Endpoint endpoint{.id = row.at("id").get<std::string>(),
                    .owner = row.at("owner").get<uid_t>(),
                    .tap = row.at("tap").get<std::string>(),
                    .hostname = row.value("hostname", "")};
  BANGER_RETURN_IF_ERROR(CheckEndpointId(endpoint.id));
  BANGER_RETURN_IF_ERROR(CheckHostname(endpoint.hostname));
  BANGER_ASSIGN_OR_RETURN(endpoint.address, Ipv4::Parse(row.at("address").get<std::string>()));
  if (!endpoint.tap.empty() && endpoint.tap != TapName(endpoint.address))
    return absl::InvalidArgumentError(absl::StrCat("endpoint '", endpoint.id, "' has another's tap"));
  // Rows of a netd that knew no policies have none.
  if (row.contains("policy")) {
    BANGER_ASSIGN_OR_RETURN(endpoint.policy, PolicyFromJson(row.at("policy")));
  }
  return endpoint;
}

// Throws what nlohmann throws.
absl::StatusOr<Records> Parse(const std::string& text) {
  const json file = json::parse(text);
  if (file.at("version").get<int>() != kVersion) return absl::InvalidArgumentError("unknown version");
  Records records;
  std::set<Ipv4> addresses;
  for (const json& row : file.at("endpoints")) {
    BANGER_ASSIGN_OR_RETURN(const Endpoint endpoint, FromJson(row));
    if (!addresses.insert(endpoint.address).second ||
        !records.endpoints.emplace(endpoint.id, endpoint).second)
      return absl::InvalidArgumentError(absl::StrCat("endpoint '", endpoint.id, "' is there twice"));
  }
  if (file.contains("forwarding")) records.forwarding = file.at("forwarding").get<std::set<std::string>>();
  return records;
}

}  // namespace

absl::StatusOr<Records> FileLedger::Load() {
  const absl::StatusOr<std::string> text = ReadFile(file_);
  if (absl::IsNotFound(text.status())) return Records();
  if (!text.ok()) return text.status();
  absl::Status wrong;
  try {
    absl::StatusOr<Records> records = Parse(*text);
    if (records.ok()) return records;
    wrong = records.status();
  } catch (const json::exception& error) {
    wrong = absl::InvalidArgumentError(error.what());
  }
  return absl::DataLossError(absl::StrCat("ledger '", file_.string(), "': ", wrong.message()));
}

absl::Status FileLedger::Save(const Records& records) {
  std::erase_if(rows_, [&](const auto& row) { return records.endpoints.count(row.first) == 0; });
  std::string file = absl::StrCat("{\"version\":", kVersion, ",\"endpoints\":[");
  for (const auto& [id, endpoint] : records.endpoints) {
    Row& row = rows_[id];
    if (row.text.empty() || row.endpoint != endpoint) row = {endpoint, ToJson(endpoint).dump()};
    absl::StrAppend(&file, file.back() == '[' ? "" : ",", row.text);
  }
  absl::StrAppend(&file, "],\"forwarding\":", json(records.forwarding).dump(), "}");
  return WriteFileAtomically(file_, file);
}

}  // namespace banger::netd
