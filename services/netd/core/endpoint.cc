#include "services/netd/core/endpoint.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "services/netd/errors.h"

namespace banger::netd {
namespace {

constexpr std::size_t kMaxIdLength = 64;
constexpr std::size_t kMaxLabelLength = 63;
constexpr char kTapPrefix[] = "bgr-";

bool IsLowerAlnumOrHyphen(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

}  // namespace

absl::Status CheckEndpointId(const std::string& id) {
  if (id.empty() || id.size() > kMaxIdLength || !std::all_of(id.begin(), id.end(), IsLowerAlnumOrHyphen))
    return EndpointIdInvalid(id);
  return absl::OkStatus();
}

absl::Status CheckHostname(const std::string& hostname) {
  if (hostname.empty()) return absl::OkStatus();
  if (hostname.size() > kMaxLabelLength || hostname.front() == '-' || hostname.back() == '-' ||
      !std::all_of(hostname.begin(), hostname.end(), IsLowerAlnumOrHyphen))
    return HostnameInvalid(hostname);
  return absl::OkStatus();
}

std::string TapName(Ipv4 address) { return absl::StrFormat("%s%08x", kTapPrefix, address.bits()); }

absl::StatusOr<Ipv4> AddressOfTap(const std::string& tap) {
  absl::string_view digits = tap;
  std::uint32_t bits = 0;
  // Comparing with the name that the address gives refuses any other spelling.
  if (!absl::ConsumePrefix(&digits, kTapPrefix) || !absl::SimpleHexAtoi(digits, &bits) ||
      TapName(Ipv4(bits)) != tap)
    return absl::NotFoundError(absl::StrCat("'", tap, "' is no tap of ours"));
  return Ipv4(bits);
}

}  // namespace banger::netd
