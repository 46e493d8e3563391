#include "services/imaged/core/image.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace banger::imaged {

bool IsImageId(absl::string_view id) {
  const auto plain = [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); };
  return !id.empty() && id.size() <= 128 && plain(id.front()) &&
         std::all_of(id.begin(), id.end(),
                     [&](char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

bool IsLease(absl::string_view lease) {
  return absl::ConsumePrefix(&lease, "vms/") && !lease.empty() && lease.size() <= 64 &&
         std::all_of(lease.begin(), lease.end(), [](char c) { return absl::ascii_isalnum(c) || c == '-'; });
}

std::int64_t ChooseFileSystemSize(std::int64_t content_bytes, std::int64_t wanted_bytes) {
  constexpr std::int64_t kMib = std::int64_t{1} << 20;
  const std::int64_t size =
      wanted_bytes > 0 ? wanted_bytes : std::max(content_bytes + content_bytes / 2, std::int64_t{1} << 30);
  return (size + kMib - 1) / kMib * kMib;
}

}  // namespace banger::imaged
