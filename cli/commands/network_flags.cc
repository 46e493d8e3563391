#include "cli/commands/network_flags.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cli/errors.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using vm::v1::PublishedPort;

absl::StatusOr<int> ParsePortNumber(const std::string& text, const std::string& whole) {
  int port = 0;
  if (!absl::SimpleAtoi(text, &port) || port < 1 || port > 65535)
    return UsageError(absl::StrCat("port '", whole, "': '", text, "' is not a port of 1 to 65535"));
  return port;
}

// A name has letters and no colon: what has one, or only digits, dots and a slash, is
// meant as a network.
bool IsNetwork(const std::string& entry) {
  return absl::StrContains(entry, ':') || entry.find_first_not_of("0123456789./") == std::string::npos;
}

// The parts between colons, and the protocol in `port`.
absl::StatusOr<std::vector<std::string>> Split(const std::string& text, PublishedPort& port) {
  const std::vector<std::string> halves = absl::StrSplit(text, '/');
  if (halves.size() > 2 || (halves.size() == 2 && halves[1] != "udp" && halves[1] != "tcp"))
    return UsageError(absl::StrCat("port '", text, "': write /udp or nothing for TCP"));
  const bool udp = halves.size() == 2 && halves[1] == "udp";
  port.set_protocol(udp ? PublishedPort::PROTOCOL_UDP : PublishedPort::PROTOCOL_TCP);
  return std::vector<std::string>(absl::StrSplit(halves[0], ':'));
}

}  // namespace

void DeclareEgress(Flags& flags, std::string& egress) {
  flags.Text("--egress", "POLICY", egress, "all, none, or allow=example.com,*.example.org,10.0.0.0/8");
}

absl::StatusOr<egress::v1::Egress> ParseEgress(const std::string& text) {
  egress::v1::Egress egress;
  absl::string_view list = text;
  if (text == "all") {
    egress.set_mode(egress::v1::Egress::MODE_ALL);
    return egress;
  }
  if (text == "none") {
    egress.set_mode(egress::v1::Egress::MODE_NONE);
    return egress;
  }
  if (!absl::ConsumePrefix(&list, "allow=") || list.empty())
    return UsageError(absl::StrCat(
        "--egress '", text, "': write all, none, or allow=DOMAIN,NETWORK,... such as allow=example.com"));
  egress.set_mode(egress::v1::Egress::MODE_LISTED);
  for (const std::string& entry : std::vector<std::string>(absl::StrSplit(list, ','))) {
    if (entry.empty()) return UsageError(absl::StrCat("--egress '", text, "': has an empty entry"));
    if (IsNetwork(entry))
      egress.add_networks(entry);
    else
      egress.add_domains(entry);
  }
  return egress;
}

absl::StatusOr<PublishedPort> ParsePort(const std::string& text) {
  PublishedPort port;
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> parts, Split(text, port));
  if (parts.size() < 2 || parts.size() > 3)
    return UsageError(absl::StrCat("port '", text, "': write [HOSTIP:]HOSTPORT:GUESTPORT[/udp], as 8080:80"));
  if (parts.size() == 3) port.set_host_address(parts[0]);
  BANGER_ASSIGN_OR_RETURN(const int host_port, ParsePortNumber(parts[parts.size() - 2], text));
  BANGER_ASSIGN_OR_RETURN(const int guest_port, ParsePortNumber(parts.back(), text));
  port.set_host_port(host_port);
  port.set_guest_port(guest_port);
  return port;
}

absl::StatusOr<PublishedPort> ParseHostPort(const std::string& text) {
  PublishedPort port;
  BANGER_ASSIGN_OR_RETURN(std::vector<std::string> parts, Split(text, port));
  // What begins with an address has dots in it; a guest's port may stand at the end.
  if (parts.size() > 1 && absl::StrContains(parts[0], '.')) {
    port.set_host_address(parts[0]);
    parts.erase(parts.begin());
  }
  if (parts.size() > 2)
    return UsageError(absl::StrCat("port '", text, "': write [HOSTIP:]HOSTPORT[/udp], as 8080"));
  BANGER_ASSIGN_OR_RETURN(const int host_port, ParsePortNumber(parts[0], text));
  port.set_host_port(host_port);
  return port;
}

}  // namespace banger::cli
