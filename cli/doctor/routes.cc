#include "cli/doctor/routes.h"

#include <arpa/inet.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace banger::cli {

std::vector<HostRoute> ParseRoutes(absl::string_view text) {
  std::vector<HostRoute> routes;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, absl::ByAnyChar("\t "), absl::SkipEmpty());
    HostRoute route;
    if (fields.size() < 8 || !absl::SimpleHexAtoi(fields[1], &route.destination) ||
        !absl::SimpleHexAtoi(fields[2], &route.gateway) || !absl::SimpleHexAtoi(fields[7], &route.mask))
      continue;
    routes.push_back({fields[0], ntohl(route.destination), ntohl(route.gateway), ntohl(route.mask)});
  }
  return routes;
}

}  // namespace banger::cli
