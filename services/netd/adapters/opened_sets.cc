#include "services/netd/adapters/opened_sets.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "services/netd/adapters/nft_json.h"
#include "services/netd/errors.h"

namespace banger::netd {
namespace {

using nlohmann::json;

// {"concat": ["172.30.0.2", "192.0.2.10"]}; where there is a timeout it is the
// "val" of {"elem": {"val": …, "timeout": 90, "expires": 88}}.
absl::Status AddElement(const json& element, const Subnet& subnet, SteadyTime now, OpenedAddresses& opened) {
  const json& inner = element.contains("elem") ? element["elem"] : element;
  const json& value = inner.contains("val") ? inner["val"] : inner;
  const auto part = [&value](int i) {
    const bool is_pair = value.is_object() && value.contains("concat") && value["concat"].size() == 2;
    return is_pair && value["concat"][i].is_string() ? value["concat"][i].get<std::string>() : "";
  };
  const absl::StatusOr<IpAddress> from = IpAddress::Parse(part(0));
  const absl::StatusOr<IpAddress> address = IpAddress::Parse(part(1));
  if (!from.ok() || !address.ok()) return FirewallFailed("nft printed an element that is none of ours");
  const std::optional<Ipv4> guest = subnet.MemberWith(*from);
  // Else of a subnet that was another.
  if (guest.has_value()) opened[{*guest, *address}] = now + std::chrono::seconds(inner.value("expires", 0));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OpenedAddresses> ReadOpened(const NftProgram& nft, const FirewallTarget& target,
                                           SteadyTime now) {
  OpenedAddresses opened;
  std::vector<std::string> names = {"named", "opened"};
  if (target.subnet.has_ipv6()) names.insert(names.end(), {"named6", "opened6"});
  for (const std::string& name : names) {
    const absl::StatusOr<std::vector<json>> sets =
        QueryObjects(nft, {"-j", "list", "set", "inet", TableName(target), name}, "set");
    if (absl::IsNotFound(sets.status())) continue;
    if (!sets.ok()) return sets.status();
    for (const json& found : *sets)
      for (const json& element : found.value("elem", json::array()))
        BANGER_RETURN_IF_ERROR(AddElement(element, target.subnet, now, opened));
  }
  return opened;
}

}  // namespace banger::netd
