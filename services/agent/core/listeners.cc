#include "services/agent/core/listeners.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace banger::agent {
namespace {

constexpr absl::string_view kTcpListen = "0A";
constexpr absl::string_view kUdpOpen = "07";  // TCP_CLOSE: no peer

// 32-bit words in the machine's byte order, which is little-endian.
std::optional<std::vector<int>> ParseBytes(absl::string_view hex) {
  std::vector<int> bytes;
  for (std::size_t word = 0; word + 8 <= hex.size(); word += 8) {
    for (std::size_t i = 0; i < 4; ++i) {
      int byte = 0;
      if (!absl::SimpleHexAtoi(hex.substr(word + 6 - 2 * i, 2), &byte)) return std::nullopt;
      bytes.push_back(byte);
    }
  }
  return bytes;
}

// The longest run of zeros becomes "::".
std::string Ipv6Text(const std::vector<int>& bytes) {
  std::array<int, 8> groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = bytes[2 * i] << 8 | bytes[2 * i + 1];
  std::size_t best = 0;
  std::size_t length = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::size_t run = 0;
    while (i + run < groups.size() && groups[i + run] == 0) ++run;
    if (run > length) std::tie(best, length) = std::pair(i, run);
  }
  const auto hex = [](std::string* out, int group) { absl::StrAppend(out, absl::Hex(group)); };
  if (length < 2) return absl::StrJoin(groups, ":", hex);
  const auto begin = groups.begin() + static_cast<std::ptrdiff_t>(best);
  return absl::StrCat(absl::StrJoin(groups.begin(), begin, ":", hex), "::",
                      absl::StrJoin(begin + static_cast<std::ptrdiff_t>(length), groups.end(), ":", hex));
}

std::optional<std::string> AddressText(absl::string_view hex) {
  const std::optional<std::vector<int>> bytes = ParseBytes(hex);
  if (!bytes.has_value()) return std::nullopt;
  if (bytes->size() == 4) return absl::StrJoin(*bytes, ".");
  if (bytes->size() == 16) return Ipv6Text(*bytes);
  return std::nullopt;
}

// "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 1234 ..."
std::optional<Listener> ParseLine(absl::string_view line, bool datagrams) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
  if (fields.size() < 10 || fields[3] != (datagrams ? kUdpOpen : kTcpListen)) return std::nullopt;
  const std::vector<absl::string_view> local = absl::StrSplit(fields[1], ':');
  Listener listener{.datagrams = datagrams};
  if (local.size() != 2 || !absl::SimpleHexAtoi(local[1], &listener.port) || listener.port < 1 ||
      listener.port > 65535 || !absl::SimpleAtoi(fields[9], &listener.inode))
    return std::nullopt;
  const std::optional<std::string> address = AddressText(local[0]);
  if (!address.has_value()) return std::nullopt;
  listener.address = *address;
  return listener;
}

auto Key(const Listener& listener) {
  return std::tie(listener.port, listener.datagrams, listener.address, listener.pid);
}

}  // namespace

std::vector<Listener> ParseSocketTable(absl::string_view table, bool datagrams) {
  std::vector<Listener> listeners;
  for (const absl::string_view line : absl::StrSplit(table, '\n'))
    if (const auto listener = ParseLine(line, datagrams)) listeners.push_back(*listener);
  return listeners;
}

std::vector<Listener> Arrange(std::vector<Listener> listeners, std::size_t limit) {
  std::stable_sort(listeners.begin(), listeners.end(),
                   [](const Listener& a, const Listener& b) { return Key(a) < Key(b); });
  listeners.erase(std::unique(listeners.begin(), listeners.end(),
                              [](const Listener& a, const Listener& b) { return Key(a) == Key(b); }),
                  listeners.end());
  if (listeners.size() > limit) listeners.resize(limit);
  return listeners;
}

}  // namespace banger::agent
