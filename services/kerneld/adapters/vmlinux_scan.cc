#include "services/kerneld/adapters/vmlinux_scan.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::kerneld {
namespace {

constexpr absl::string_view kBanner = "Linux version ";
constexpr absl::string_view kDriver = "virtio_blk";
constexpr std::size_t kLongestVersion = 128;
constexpr std::size_t kPieceSize = 256 << 10;
// What is looked for may lie across two pieces.
constexpr std::size_t kOverlap = 256;
static_assert(kOverlap >= kBanner.size() + kLongestVersion && kOverlap >= kDriver.size());

// ::memmem, and not find(), which looks at each byte.
std::size_t Find(absl::string_view text, absl::string_view what) {
  const void* found = ::memmem(text.data(), text.size(), what.data(), what.size());
  return found == nullptr ? absl::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// Unless it is the last, a window's end is the next one's start: there a version
// may be cut off.
std::string BannerVersion(absl::string_view window, bool last) {
  for (;;) {
    const std::size_t at = Find(window, kBanner);
    if (at == absl::string_view::npos) return {};
    window.remove_prefix(at + kBanner.size());
    if (!last && window.size() < kLongestVersion) return {};
    std::string version = VersionWord(window);
    if (!version.empty()) return version;
  }
}

}  // namespace

std::string VersionWord(absl::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && end < kLongestVersion && absl::ascii_isgraph(text[end])) ++end;
  return end > 0 && absl::ascii_isdigit(text[0]) ? std::string(text.substr(0, end)) : std::string();
}

absl::StatusOr<VmlinuxText> ScanVmlinux(ByteSource& source, int copy_to) {
  VmlinuxText found;
  Sha256 digest;
  std::vector<char> buffer(kOverlap + kPieceSize);
  for (std::size_t kept = 0;;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count,
                            source.Read(std::span(buffer).subspan(kept, kPieceSize)));
    const absl::string_view piece(buffer.data() + kept, count);
    digest.Update(piece);
    if (copy_to >= 0) BANGER_RETURN_IF_ERROR(WriteFully(copy_to, piece));
    const absl::string_view window(buffer.data(), kept + count);
    if (found.kernel_version.empty()) found.kernel_version = BannerVersion(window, count == 0);
    if (!found.has_virtio_blk) found.has_virtio_blk = Find(window, kDriver) != absl::string_view::npos;
    if (count == 0) break;
    kept = std::min(kOverlap, window.size());
    std::memmove(buffer.data(), window.data() + window.size() - kept, kept);
  }
  found.sha256 = digest.HexDigest();
  return found;
}

}  // namespace banger::kerneld
