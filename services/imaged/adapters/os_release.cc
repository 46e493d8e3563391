#include "services/imaged/adapters/os_release.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace banger::imaged {
namespace {

constexpr std::size_t kMaxNameBytes = 128;

// A shell assignment's right side, as the format allows it: bare or quoted,
// with backslashes in double quotes.
std::string Unquote(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  const char quote =
      text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front()
          ? text.front()
          : '\0';
  if (quote != '\0') text = text.substr(1, text.size() - 2);
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"' && i + 1 < text.size()) ++i;
    value.push_back(text[i]);
  }
  return value;
}

// Names go to terminals and into protobuf strings.
std::string Printable(std::string name) {
  name.resize(std::min(name.size(), kMaxNameBytes));
  name.erase(std::remove_if(name.begin(), name.end(), [](char c) { return !absl::ascii_isprint(c); }),
             name.end());
  return name;
}

}  // namespace

std::string OsNameOf(absl::string_view os_release) {
  std::string id;
  for (const absl::string_view line : absl::StrSplit(os_release, '\n')) {
    absl::string_view value = line;
    if (absl::ConsumePrefix(&value, "PRETTY_NAME=")) return Printable(Unquote(value));
    if (absl::ConsumePrefix(&value, "ID=")) id = Printable(Unquote(value));
  }
  return id;
}

}  // namespace banger::imaged
