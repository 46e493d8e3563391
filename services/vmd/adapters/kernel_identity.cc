#include "services/vmd/adapters/kernel_identity.h"

#include "absl/strings/ascii.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/os/file_version.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace {

constexpr std::int64_t kMaxKernel = std::int64_t{1} << 30;

// From the banner that the kernel prints first; other texts like it have no number.
std::string ReleaseIn(const std::string& kernel) {
  static const std::string kBanner = "Linux version ";
  for (std::size_t at = kernel.find(kBanner); at != std::string::npos; at = kernel.find(kBanner, at + 1)) {
    const std::size_t begin = at + kBanner.size();
    const std::size_t end = kernel.find(' ', begin);
    if (end != std::string::npos && end - begin < 128 &&
        absl::ascii_isdigit(static_cast<unsigned char>(kernel[begin])))
      return kernel.substr(begin, end - begin);
  }
  return "";
}

}  // namespace

absl::StatusOr<KernelIdentity> KernelIdentities::Of(const std::filesystem::path& vmlinux) {
  const absl::StatusOr<std::string> version = FileVersion(vmlinux);
  if (!version.ok()) return Annotate(version.status(), "look which kernel it is");
  {
    const MutexLock lock(mutex_);
    if (const auto known = known_.find(*version); known != known_.end()) return known->second;
  }
  BANGER_ASSIGN_OR_RETURN(const std::string kernel, ReadFile(vmlinux, kMaxKernel));
  const MutexLock lock(mutex_);
  return known_[*version] = {.release = ReleaseIn(kernel), .digest = Sha256Hex(kernel)};
}

}  // namespace banger::vmd
