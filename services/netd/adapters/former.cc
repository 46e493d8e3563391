#include "services/netd/adapters/former.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status/status_macros.h"
#include "services/netd/adapters/foreign_chains.h"
#include "services/netd/adapters/nft_text.h"

namespace banger::netd {
namespace {

struct Former {
  std::vector<Link> taps;
  std::vector<Link> bridges;  // one at most
  bool in_use = false;
};

// The bridge's name in a mark of this directory's; empty when it is none.
std::string BridgeInMark(const Link& link, const std::filesystem::path& directory) {
  absl::string_view rest = link.alias;
  if (!absl::ConsumePrefix(&rest, "banger:")) return "";
  const std::string name(rest.substr(0, rest.find(':')));
  rest.remove_prefix(name.size());
  if (!absl::ConsumePrefix(&rest, absl::StrCat(":", directory.string()))) return "";
  if (link.kind == "bridge") return rest.empty() && link.name == name ? name : "";
  // ":OWNER:ENDPOINT"
  const std::vector<std::string> parts = absl::StrSplit(rest, ':');
  unsigned owner = 0;
  const bool is_tap =
      link.kind == "tun" && parts.size() == 3 && parts[0].empty() && absl::SimpleAtoi(parts[1], &owner);
  return is_tap ? name : "";
}

absl::StatusOr<std::map<std::string, Former>> FindFormer(Netlink& netlink, const std::string& bridge,
                                                         const std::filesystem::path& directory) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Link> links, netlink.Links());
  std::map<std::string, Former> all;
  for (const Link& link : links) {
    const std::string name = BridgeInMark(link, directory);
    if (name.empty() || name == bridge) continue;
    Former& former = all[name];
    if (link.kind == "bridge") {
      former.bridges.push_back(link);
    } else {
      former.taps.push_back(link);
      former.in_use |= link.carrier;
    }
  }
  return all;
}

// Names of bridges whose tables are there, whosever they are.
absl::StatusOr<std::set<std::string>> BridgesWithTables(const NftProgram& nft) {
  BANGER_ASSIGN_OR_RETURN(const std::string listed, nft.Query({"list", "tables"}));
  std::set<std::string> names;
  for (const absl::string_view line : absl::StrSplit(listed, '\n')) {
    absl::string_view name = line;
    if (absl::ConsumePrefix(&name, "table inet banger-") ||
        absl::ConsumePrefix(&name, "table bridge banger-"))
      names.emplace(name);
  }
  return names;
}

absl::Status RemoveRules(const NftProgram& nft, const std::string& bridge, const std::string& mark) {
  BANGER_RETURN_IF_ERROR(ForeignChains(nft, bridge, mark).Remove());
  const std::string table = absl::StrCat("banger-", bridge);
  for (const char* family : {"inet", "bridge"}) {
    const absl::StatusOr<std::string> listed = nft.Query({"-t", "list", "table", family, table});
    if (!listed.ok() || !absl::StrContains(*listed, absl::StrCat("comment \"", mark, "\""))) continue;
    BANGER_RETURN_IF_ERROR(nft.Execute(absl::StrCat("delete table ", family, " ", table, "\n")));
  }
  return absl::OkStatus();
}

}  // namespace

FormerBridges RemoveFormerBridges(Netlink& netlink, const NftProgram& nft, const std::string& bridge,
                                  const std::filesystem::path& directory) {
  FormerBridges done;
  absl::StatusOr<std::map<std::string, Former>> formers = FindFormer(netlink, bridge, directory);
  const absl::StatusOr<std::set<std::string>> tables = BridgesWithTables(nft);
  for (const absl::Status& status : {formers.status(), tables.status()})
    if (!status.ok()) done.failures.push_back(status);
  if (!done.failures.empty()) return done;
  for (const std::string& name : *tables)
    if (name != bridge) formers->try_emplace(name);
  for (const auto& [name, former] : *formers) {
    if (former.in_use) {
      done.in_use.push_back(name);
      continue;
    }
    const auto note = [&done](const absl::Status& status) {
      if (!status.ok()) done.failures.push_back(status);
    };
    for (const Link& tap : former.taps) note(netlink.DeleteLink(tap));
    for (const Link& link : former.bridges) note(netlink.DeleteLink(link));
    note(RemoveRules(nft, name, MarkOfRules(name, directory)));
    if (!former.bridges.empty()) done.removed.push_back(name);
  }
  return done;
}

}  // namespace banger::netd
