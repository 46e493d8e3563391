#include "services/netd/adapters/foreign_chains.h"

#include <nlohmann/json.hpp>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/netd/adapters/nft_json.h"

namespace banger::netd {
namespace {

using nlohmann::json;

// Family, table and chain.
using Chain = std::tuple<std::string, std::string, std::string>;

// nft has checked the names of others when they were made; what is odd all the
// same never gets into text of ours.
bool IsPlain(const std::string& name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") ==
             std::string::npos;
}

bool IsOfBanger(const std::string& table) { return absl::StartsWith(table, "banger-"); }

std::string ToText(const Chain& chain) {
  return absl::StrCat(std::get<0>(chain), " ", std::get<1>(chain), " ", std::get<2>(chain));
}

Chain ChainOf(const json& object) {
  return {object.value("family", ""), object.value("table", ""), object.value("name", "")};
}

// firewalld refuses at the chain's end and has policy accept.
bool MayDrop(const json& chain) {
  const std::string hook = chain.value("hook", "");
  if (chain.value("type", "") != "filter" || (hook != "forward" && hook != "input")) return false;
  return chain.value("policy", "") == "drop" || chain.value("table", "") == "firewalld";
}

absl::StatusOr<std::set<Chain>> ChainsThatDrop(const NftProgram& nft, const std::set<std::string>& families) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<json> chains,
                          QueryObjects(nft, {"-j", "list", "chains"}, "chain"));
  std::set<Chain> all, dropping;
  for (const json& chain : chains) all.insert(ChainOf(chain));
  for (const json& chain : chains) {
    const auto [family, table, name] = ChainOf(chain);
    if (families.count(family) == 0 || IsOfBanger(table) || !IsPlain(table) || !IsPlain(name) ||
        !MayDrop(chain))
      continue;
    const Chain for_users{family, table, "DOCKER-USER"};
    const bool has_place = chain.value("hook", "") == "forward" && all.count(for_users) != 0;
    dropping.insert(has_place ? for_users : Chain{family, table, name});
  }
  return dropping;
}

}  // namespace

absl::StatusOr<bool> ForeignChains::Ensure() {
  BANGER_ASSIGN_OR_RETURN(const std::set<Chain> chains, ChainsThatDrop(nft_, families_));
  std::string text;
  for (const Chain& chain : chains) {
    const auto& [family, table, name] = chain;
    BANGER_ASSIGN_OR_RETURN(const std::vector<json> rules,
                            QueryObjects(nft_, {"-j", "list", "chain", family, table, name}, "rule"));
    int ours = 0;
    for (const json& rule : rules) ours += rule.value("comment", "") == mark_ ? 1 : 0;
    if (ours >= 2) continue;
    for (const char* direction : {"iifname", "oifname"})
      absl::StrAppend(&text, "insert rule ", ToText(chain), " ", direction, " \"", bridge_,
                      "\" accept comment \"", mark_, "\"\n");
  }
  if (text.empty()) return false;
  BANGER_RETURN_IF_ERROR(nft_.Execute(text));
  return true;
}

absl::Status ForeignChains::Remove() {
  BANGER_ASSIGN_OR_RETURN(const std::vector<json> rules,
                          QueryObjects(nft_, {"-j", "list", "ruleset"}, "rule"));
  std::string text;
  for (const json& rule : rules) {
    const std::string table = rule.value("table", "");
    const std::string chain = rule.value("chain", "");
    if (rule.value("comment", "") != mark_ || IsOfBanger(table) || !IsPlain(table) || !IsPlain(chain))
      continue;
    absl::StrAppend(&text, "delete rule ", rule.value("family", ""), " ", table, " ", chain, " handle ",
                    rule.value("handle", 0), "\n");
  }
  return text.empty() ? absl::OkStatus() : nft_.Execute(text);
}

}  // namespace banger::netd
