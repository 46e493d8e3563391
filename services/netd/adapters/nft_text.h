// The firewall's rules in nft's language: two tables of the name
// "banger-BRIDGE", one for what the bridge forwards between its ports (family
// bridge) and one for what the host gets or routes (family inet). Made of typed
// values only, of which none can hold a blank, quote or newline.
#pragma once

#include <filesystem>
#include <string>

#include "services/netd/core/rules.h"

namespace banger::netd {

struct FirewallTarget {
  std::string bridge;  // as CheckBridgeName allows
  Subnet subnet;
  std::string mark;  // the tables' and rules' comment; no quotes
};

// The mark of a netd's rules, known by its bridge and its directory.
std::string MarkOfRules(const std::string& bridge, const std::filesystem::path& directory);

std::string TableName(const FirewallTarget& target);

// Replaces both tables, also where there are none, in one transaction.
std::string ReplaceText(const FirewallTarget& target, const Rules& rules, SteadyTime now);

// What leads from one set of rules to another, in one transaction; empty when
// there is no difference.
std::string ChangeText(const FirewallTarget& target, const Rules& from, const Rules& to, SteadyTime now);

// Removes both tables, also where there are none.
std::string RemoveText(const FirewallTarget& target);

}  // namespace banger::netd
