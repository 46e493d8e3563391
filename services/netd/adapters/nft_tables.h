// The rules themselves, with sets that are empty yet.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "services/netd/adapters/nft_text.h"

namespace banger::netd {

inline std::string Quoted(const std::string& text) { return absl::StrCat("\"", text, "\""); }

// Both tables; those of IPv6 in them where the subnet has it.
std::string TablesText(const FirewallTarget& target);

}  // namespace banger::netd
