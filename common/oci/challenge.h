// How a server asks for authentication (RFC 9110): the WWW-Authenticate field.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace banger::oci {

struct Challenge {
  std::string scheme;                             // in lower case
  std::map<std::string, std::string> parameters;  // names in lower case
};

// Those of one field; what makes no sense ends the list.
std::vector<Challenge> ParseChallenges(absl::string_view field);

}  // namespace banger::oci
