#include "common/os/os_release.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace banger {
namespace {

constexpr std::size_t kMaxValueBytes = 128;

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

std::string Value(absl::string_view text) {
  std::string value = Unquote(text);
  value.resize(std::min(value.size(), kMaxValueBytes));
  value.erase(std::remove_if(value.begin(), value.end(), [](char c) { return !absl::ascii_isprint(c); }),
              value.end());
  return value;
}

}  // namespace

OsRelease ParseOsRelease(absl::string_view text) {
  OsRelease os;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::ConsumePrefix(&line, "ID=")) os.id = Value(line);
    if (absl::ConsumePrefix(&line, "ID_LIKE="))
      os.id_like = absl::StrSplit(Value(line), ' ', absl::SkipEmpty());
    if (absl::ConsumePrefix(&line, "PRETTY_NAME=")) os.pretty_name = Value(line);
  }
  return os;
}

}  // namespace banger
