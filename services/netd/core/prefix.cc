#include "services/netd/core/prefix.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace banger::netd {

absl::StatusOr<Prefix> Prefix::Parse(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
  const absl::StatusOr<IpAddress> address = IpAddress::Parse(parts.first);
  const int longest = address.ok() ? AddressLength(address->family()) : 0;
  int length = longest;
  const bool has_length = parts.first.size() != text.size();
  if (!address.ok() || (has_length && (!absl::SimpleAtoi(parts.second, &length) || length < 0 ||
                                       length > longest || absl::StrCat(length) != parts.second)))
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not an IP network"));
  const Prefix prefix = Of(*address, length);
  if (prefix.network() != *address)
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' has bits set beyond its prefix: did you mean ", prefix.ToString(), "?"));
  return prefix;
}

bool Prefix::Contains(const Prefix& other) const {
  return length_ <= other.length_ && Contains(other.network_);
}

bool Prefix::Contains(const IpAddress& address) const { return address.Masked(length_) == network_; }

std::string Prefix::ToString() const { return absl::StrCat(network_.ToString(), "/", length_); }

}  // namespace banger::netd
