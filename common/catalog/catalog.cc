#include "common/catalog/catalog.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/http/url.h"
#include "common/status/error.h"

namespace banger::catalog {
namespace {

constexpr std::size_t kMaxEntries = 10'000;
constexpr std::size_t kMaxText = 1000;

bool IsSha256(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char digit) {
           return absl::ascii_isdigit(digit) || (digit >= 'a' && digit <= 'f');
         });
}

}  // namespace

absl::Status CheckRemoteFile(const RemoteFile& file, absl::string_view prefix, std::int64_t max_bytes) {
  // Which hosts http is allowed to is decided when it is fetched.
  const absl::Status url = http::CheckUrl(file.url, /*allow_http=*/true);
  if (!url.ok()) return Annotate(url, absl::StrCat(prefix, "_url"));
  if (!IsSha256(file.sha256))
    return absl::InvalidArgumentError(absl::StrCat(prefix, "_sha256 is not 64 lower-case hex digits"));
  if (file.size_bytes <= 0 || file.size_bytes > max_bytes)
    return absl::InvalidArgumentError(
        absl::StrCat("size_bytes is not a number of bytes up to ", max_bytes >> 30, " GiB"));
  return absl::OkStatus();
}

absl::Status CheckTexts(std::initializer_list<const std::string*> texts) {
  for (const std::string* text : texts) {
    if (text->size() > kMaxText) return absl::InvalidArgumentError("has an overlong field");
    if (std::any_of(text->begin(), text->end(), [](char byte) { return absl::ascii_iscntrl(byte); }))
      return absl::InvalidArgumentError("has control characters");
  }
  return absl::OkStatus();
}

absl::StatusOr<Frame> ParseFrame(const std::string& text) {
  absl::StatusOr<Json> json = ParseJsonObject(text);
  Frame frame;
  absl::Status status = json.status();
  if (status.ok()) status = TakeCount(*json, "version", frame.version);
  if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat("catalog: ", status.message()));
  if (frame.version == 0) return absl::InvalidArgumentError("catalog: it has no version");
  const auto entries = json->find("entries");
  if (entries == json->end() || !entries->is_array())
    return absl::InvalidArgumentError("catalog: it has no list of entries");
  if (entries->size() > kMaxEntries)
    return absl::InvalidArgumentError("catalog: it has more than 10000 entries");
  if (!std::all_of(entries->begin(), entries->end(), [](const Json& item) { return item.is_object(); }))
    return absl::InvalidArgumentError("catalog: an entry is no object");
  frame.entries = std::move(*entries);
  return frame;
}

}  // namespace banger::catalog
