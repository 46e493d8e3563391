#include "services/netd/adapters/file_ledger.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr char kRows[] = "endpoints";

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
absl::StatusOr<json> ParseVersioned(const std::string& text) {
  json object = json::parse(text);
  if (object.at("version").get<int>() != kVersion) return absl::InvalidArgumentError("unknown version");
  return object;
}

std::string Versioned(json object) {
  object["version"] = kVersion;
  return object.dump();
}

}  // namespace

absl::Status FileLedger::Prepare(const std::filesystem::path& directory) {
  return MakeDirectories(directory / kRows);
}

std::filesystem::path FileLedger::RowOf(const std::string& id) const {
  return directory_ / kRows / absl::StrCat(id, ".json");
}

absl::StatusOr<std::vector<std::string>> FileLedger::Rows() const {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_ / kRows, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".json")
      names.push_back(entry->path().filename());
    else
      BANGER_RETURN_IF_ERROR(RemoveFileDurably(entry->path()));
  }
  if (error) return ErrnoError(error.value(), absl::StrCat("list '", (directory_ / kRows).string(), "'"));
  return names;
}

absl::StatusOr<Ledger::Contents> FileLedger::Load() {
  Contents contents;
  std::vector<std::string> damaged;
  // What cannot be understood goes, lest it be complained about for ever.
  const auto read = [&](const std::filesystem::path& file, const auto& take) -> absl::Status {
    absl::StatusOr<std::string> text = ReadFile(file);
    if (absl::IsNotFound(text.status())) return absl::OkStatus();
    if (!text.ok()) return text.status();
    absl::Status taken;
    try {
      const absl::StatusOr<json> object = ParseVersioned(*text);
      taken = object.ok() ? take(*object) : object.status();
    } catch (const json::exception& error) {
      taken = absl::InvalidArgumentError(error.what());
    }
    if (taken.ok()) return absl::OkStatus();
    damaged.push_back(absl::StrCat("'", file.string(), "': ", taken.message()));
    return RemoveFileDurably(file);
  };

  BANGER_RETURN_IF_ERROR(read(ForwardingFile(), [&](const json& object) {
    contents.records.forwarding = {.ipv4 = object.at("interfaces").get<std::set<std::string>>(),
                                   .ipv6 = object.value("ipv6_interfaces", std::set<std::string>())};
    return absl::OkStatus();
  }));
  std::set<Ipv4> addresses;
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> files, Rows());
  for (const std::string& name : files)
    BANGER_RETURN_IF_ERROR(read(directory_ / kRows / name, [&](const json& object) -> absl::Status {
      BANGER_ASSIGN_OR_RETURN(const Endpoint endpoint, FromJson(object));
      if (name != RowOf(endpoint.id).filename()) return absl::InvalidArgumentError("is another endpoint's");
      if (!addresses.insert(endpoint.address).second)
        return absl::InvalidArgumentError(
            absl::StrCat("another endpoint has ", endpoint.address.ToString(), ", too"));
      contents.records.endpoints.emplace(endpoint.id, endpoint);
      return absl::OkStatus();
    }));
  if (!damaged.empty())
    contents.damage = absl::DataLossError(absl::StrCat("ledger ", absl::StrJoin(damaged, "; ")));
  return contents;
}

absl::Status FileLedger::Save(const Endpoint& endpoint) {
  return WriteFileAtomically(RowOf(endpoint.id), Versioned(ToJson(endpoint)));
}

absl::Status FileLedger::Remove(const std::string& id) { return RemoveFileDurably(RowOf(id)); }

absl::Status FileLedger::SaveForwarding(const Interfaces& interfaces) {
  json object = {{"interfaces", interfaces.ipv4}};
  if (!interfaces.ipv6.empty()) object["ipv6_interfaces"] = interfaces.ipv6;
  return WriteFileAtomically(ForwardingFile(), Versioned(std::move(object)));
}

}  // namespace banger::netd
