#include "common/http/response_head.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace banger::http {
namespace {

std::optional<std::int64_t> Number(absl::string_view text) {
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < 0) return std::nullopt;
  return number;
}

// "120", or a date.
std::optional<std::chrono::seconds> Delay(absl::string_view text) {
  constexpr std::int64_t kDay = 86400;
  std::int64_t seconds = 0;
  absl::Time then;
  std::string ignored;
  if (const auto number = Number(text); number.has_value()) {
    seconds = *number;
  } else if (absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", text, &then, &ignored)) {
    seconds = absl::ToInt64Seconds(then - absl::Now());
  } else {
    return std::nullopt;
  }
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kDay));
}

}  // namespace

void ResponseHead::AddLine(absl::string_view line) {
  if (absl::StartsWith(line, "HTTP/")) {
    *this = ResponseHead();
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() < 2 || !absl::SimpleAtoi(words[1].substr(0, 3), &status)) status = 0;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == absl::string_view::npos) return;
  const std::string name = absl::AsciiStrToLower(line.substr(0, colon));
  absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
  fields.emplace_back(name, value);
  if (name == "content-length") content_length = Number(value);
  if (name == "etag") etag = std::string(value);
  if (name == "last-modified") last_modified = std::string(value);
  if (name == "retry-after") retry_after = Delay(value);
  if (name == "content-range" && absl::ConsumePrefix(&value, "bytes ")) {
    const std::size_t slash = value.find('/');
    if (slash == absl::string_view::npos) return;
    range_start = Number(value.substr(0, value.find('-')));
    range_total = Number(value.substr(slash + 1));
  }
}

std::string ResponseHead::Field(absl::string_view name) const {
  for (const auto& [field, value] : fields)
    if (field == name) return value;
  return {};
}

std::string ResponseHead::Validator() const {
  if (!etag.empty() && !absl::StartsWith(etag, "W/")) return etag;
  return last_modified;
}

}  // namespace banger::http
