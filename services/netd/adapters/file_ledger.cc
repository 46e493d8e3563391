#include "services/netd/adapters/file_ledger.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

absl::StatusOr<Endpoint> FromJson(const json& row) {
  Endpoint endpoint{.id = row.at("id").get<std::string>(),
                    .owner = row.at("owner").get<uid_t>(),
                    .tap = row.at("tap").get<std::string>()};
  BANGER_RETURN_IF_ERROR(CheckEndpointId(endpoint.id));
  BANGER_ASSIGN_OR_RETURN(endpoint.address, Ipv4::Parse(row.at("address").get<std::string>()));
  if (!endpoint.tap.empty() && endpoint.tap != TapName(endpoint.address))
    return absl::InvalidArgumentError(absl::StrCat("endpoint '", endpoint.id, "' has another's tap"));
  return endpoint;
}

// Throws what nlohmann throws.
absl::StatusOr<Endpoints> Parse(const std::string& text) {
  const json file = json::parse(text);
  if (file.at("version").get<int>() != kVersion) return absl::InvalidArgumentError("unknown version");
  Endpoints endpoints;
  std::set<Ipv4> addresses;
  for (const json& row : file.at("endpoints")) {
    BANGER_ASSIGN_OR_RETURN(const Endpoint endpoint, FromJson(row));
    if (!addresses.insert(endpoint.address).second || !endpoints.emplace(endpoint.id, endpoint).second)
      return absl::InvalidArgumentError(absl::StrCat("endpoint '", endpoint.id, "' is there twice"));
  }
  return endpoints;
}

}  // namespace

absl::StatusOr<Endpoints> FileLedger::Load() {
  const absl::StatusOr<std::string> text = ReadFile(file_);
  if (absl::IsNotFound(text.status())) return Endpoints();
  if (!text.ok()) return text.status();
  absl::Status wrong;
  try {
    absl::StatusOr<Endpoints> endpoints = Parse(*text);
    if (endpoints.ok()) return endpoints;
    wrong = endpoints.status();
  } catch (const json::exception& error) {
    wrong = absl::InvalidArgumentError(error.what());
  }
  return absl::DataLossError(absl::StrCat("ledger '", file_.string(), "': ", wrong.message()));
}

absl::Status FileLedger::Save(const Endpoints& endpoints) {
  json rows = json::array();
  for (const auto& [id, endpoint] : endpoints)
    rows.push_back({{"id", id},
                    {"address", endpoint.address.ToString()},
                    {"owner", endpoint.owner},
                    {"tap", endpoint.tap}});
  return WriteFileAtomically(file_, json{{"version", kVersion}, {"endpoints", rows}}.dump());
}

}  // namespace banger::netd
