#include "services/vmd/core/network_policy.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

constexpr char kAnyAddress[] = "0.0.0.0";

// Four decimal numbers without leading zeros.
bool IsIpv4(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  if (parts.size() != 4) return false;
  for (const std::string& part : parts) {
    int number = 0;
    if (!absl::SimpleAtoi(part, &number) || number < 0 || number > 255 || absl::StrCat(number) != part)
      return false;
  }
  return true;
}

bool IsPort(int port) { return port >= 1 && port <= 65535; }

}  // namespace

absl::Status CheckPort(const PublishedPort& port) {
  if (!IsIpv4(port.host_address))
    return FieldInvalid("host_address", absl::StrCat("'", port.host_address, "' is not an IPv4 address"));
  if (!IsPort(port.host_port))
    return FieldInvalid("host_port", absl::StrCat(port.host_port, " is not 1 to 65535"));
  if (!IsPort(port.guest_port))
    return FieldInvalid("guest_port", absl::StrCat(port.guest_port, " is not 1 to 65535"));
  return absl::OkStatus();
}

bool Collide(const PublishedPort& a, const PublishedPort& b) {
  return a.host_port == b.host_port && a.protocol == b.protocol &&
         (a.host_address == b.host_address || a.host_address == kAnyAddress || b.host_address == kAnyAddress);
}

std::string HostSide(const PublishedPort& port) {
  return absl::StrCat(port.host_address, ":", port.host_port,
                      port.protocol == PortProtocol::kUdp ? "/udp" : "");
}

}  // namespace banger::vmd
