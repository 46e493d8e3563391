#include "services/netd/core/ip_address.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace banger::netd {
namespace {

constexpr std::size_t kGroups = 8;  // of 16 bits, in an IPv6 address
using Groups = std::vector<std::uint16_t>;

bool IsGroup(absl::string_view part) {
  return !part.empty() && part.size() <= 4 &&
         std::all_of(part.begin(), part.end(), [](unsigned char c) { return absl::ascii_isxdigit(c); });
}

// "fd00:1", and where it ends the address also "ffff:192.0.2.1".
bool ParseGroups(absl::string_view text, bool is_end, Groups& groups) {
  if (text.empty()) return true;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  for (const absl::string_view part : parts) {
    std::uint32_t number = 0;
    if (is_end && part.data() == parts.back().data() && absl::StrContains(part, '.')) {
      const absl::StatusOr<Ipv4> dotted = Ipv4::Parse(part);
      if (!dotted.ok()) return false;
      groups.push_back(static_cast<std::uint16_t>(dotted->bits() >> 16));
      number = dotted->bits() & 0xffff;
    } else if (!IsGroup(part) || !absl::SimpleHexAtoi(part, &number)) {
      return false;
    }
    groups.push_back(static_cast<std::uint16_t>(number));
  }
  return true;
}

// The longest run of two or more zeros, which "::" stands for: begin and length.
std::pair<std::size_t, std::size_t> LongestZeros(const Groups& groups) {
  std::pair<std::size_t, std::size_t> longest = {0, 1};
  for (std::size_t begin = 0; begin < groups.size(); ++begin) {
    std::size_t end = begin;
    while (end < groups.size() && groups[end] == 0) ++end;
    if (end - begin > longest.second) longest = {begin, end - begin};
  }
  return longest.second > 1 ? longest : std::pair<std::size_t, std::size_t>{groups.size(), 0};
}

}  // namespace

absl::StatusOr<Ipv4> Ipv4::Parse(absl::string_view text) {
  const auto malformed = [text] {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not an IPv4 address"));
  };
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() != 4) return malformed();
  std::uint32_t bits = 0;
  for (const absl::string_view part : parts) {
    std::uint32_t number = 0;
    // Comparing with what the number prints as refuses signs, blanks and 010.
    if (!absl::SimpleAtoi(part, &number) || number > 255 || absl::StrCat(number) != part) return malformed();
    bits = bits << 8 | number;
  }
  return Ipv4(bits);
}

std::string Ipv4::ToString() const {
  return absl::StrCat(bits_ >> 24, ".", bits_ >> 16 & 255, ".", bits_ >> 8 & 255, ".", bits_ & 255);
}

IpAddress::IpAddress(Ipv4 address) : family_(Family::kIpv4) {
  for (std::size_t i = 0; i < 4; ++i) bytes_[i] = static_cast<std::uint8_t>(address.bits() >> (24 - 8 * i));
}

absl::StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  if (const absl::StatusOr<Ipv4> ipv4 = Ipv4::Parse(text); ipv4.ok()) return IpAddress(*ipv4);
  const std::size_t gap = text.find("::");
  const bool has_gap = gap != absl::string_view::npos;
  Groups groups, tail;
  const bool parsed = has_gap ? ParseGroups(text.substr(0, gap), false, groups) &&
                                    ParseGroups(text.substr(gap + 2), true, tail)
                              : ParseGroups(text, true, groups);
  const std::size_t known = groups.size() + tail.size();
  if (!parsed || (has_gap ? known >= kGroups : known != kGroups))
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not an IP address"));
  groups.resize(kGroups - tail.size());
  groups.insert(groups.end(), tail.begin(), tail.end());
  Bytes bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(groups[i / 2] >> (i % 2 == 0 ? 8 : 0));
  return IpAddress(bytes);
}

Ipv4 IpAddress::low_bits() const {
  const std::size_t end = static_cast<std::size_t>(AddressLength(family_)) / 8;
  std::uint32_t bits = 0;
  for (std::size_t i = end - 4; i < end; ++i) bits = bits << 8 | bytes_[i];
  return Ipv4(bits);
}

IpAddress IpAddress::Masked(int length) const {
  IpAddress masked = *this;
  for (int i = 0; i < static_cast<int>(bytes_.size()); ++i) {
    const int kept = std::clamp(length - 8 * i, 0, 8);
    masked.bytes_[static_cast<std::size_t>(i)] &= static_cast<std::uint8_t>(0xff00 >> kept);
  }
  return masked;
}

std::string IpAddress::ToString() const {
  if (family_ == Family::kIpv4) return low_bits().ToString();
  Groups groups;
  for (std::size_t i = 0; i < bytes_.size(); i += 2)
    groups.push_back(static_cast<std::uint16_t>(bytes_[i] << 8 | bytes_[i + 1]));
  const auto [gap, length] = LongestZeros(groups);
  std::string text;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i == gap) text += "::";
    if (i >= gap && i < gap + length) continue;
    if (i != 0 && i != gap + length) text += ':';
    absl::StrAppend(&text, absl::Hex(groups[i]));
  }
  return text;
}

}  // namespace banger::netd
