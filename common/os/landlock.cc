#include "common/os/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

// Of later versions than bookworm's headers: Linux 6.2, 6.7, 6.12.
constexpr std::uint64_t kTruncate = 1 << 14;
constexpr std::uint64_t kBindAndConnectTcp = 3;
constexpr std::uint64_t kAbstractSocketsAndSignals = 3;
struct RulesetAttributes {
  std::uint64_t files;
  std::uint64_t network;
  std::uint64_t scoped;
};

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kReadWrite = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr std::uint64_t kOwn =
    kReadWrite | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;
constexpr std::uint64_t kExecute = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;
// What can be allowed for a file that is no directory.
constexpr std::uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
// Every right of Landlock's first version, which all kernels with Landlock know, and
// truncation by name, which later ones do: what no rule gives is gone. Moving files
// between directories is gone by itself.
constexpr std::uint64_t kAll = kOwn | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                               LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                               LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                               LANDLOCK_ACCESS_FS_MAKE_SYM | kTruncate;

std::uint64_t RightsOf(FileAccess::Right right) {
  switch (right) {
    case FileAccess::Right::kRead:
      return kRead;
    case FileAccess::Right::kReadWrite:
      return kReadWrite;
    case FileAccess::Right::kOwn:
      return kOwn;
    case FileAccess::Right::kExecute:
      return kExecute;
  }
  return 0;
}

absl::Status Allow(int ruleset, const FileAccess& access, std::uint64_t handled) {
  UniqueFd fd(::open(access.path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) return absl::OkStatus();
  struct stat found {};
  if (!fd.valid() || ::fstat(fd.get(), &found) < 0)
    return ErrnoError(errno, absl::StrCat("look at '", access.path.string(), "'"));
  landlock_path_beneath_attr rule{};
  rule.allowed_access =
      RightsOf(access.right) & handled & (S_ISDIR(found.st_mode) ? ~std::uint64_t{0} : kOfFiles);
  rule.parent_fd = fd.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    return ErrnoError(errno, absl::StrCat("allow access to '", access.path.string(), "'"));
  // Open for as long as we live: the kernel forgets inodes of /proc that nobody
  // has open, and rules hold for the inode that they were made with.
  [[maybe_unused]] const int kept = fd.Release();
  return absl::OkStatus();
}

}  // namespace

bool HasLandlock() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 0;
}

absl::StatusOr<bool> AllowOnlyFiles(const std::vector<FileAccess>& allowed, LandlockScope scope) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 0) {
    // Not built in, or not switched on.
    if (errno == ENOSYS || errno == EOPNOTSUPP) return false;
    return ErrnoError(errno, "ask for Landlock's version");
  }
  const bool alone = scope == LandlockScope::kAlone;
  const RulesetAttributes attributes{.files = kAll & (version < 3 ? ~kTruncate : ~std::uint64_t{0}),
                                     .network = alone && version >= 4 ? kBindAndConnectTcp : 0,
                                     .scoped = alone && version >= 6 ? kAbstractSocketsAndSignals : 0};
  const std::size_t size = version < 4 ? 8 : version < 6 ? 16 : sizeof attributes;
  const UniqueFd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset.valid()) return ErrnoError(errno, "create a Landlock ruleset");
  for (const FileAccess& access : allowed)
    BANGER_RETURN_IF_ERROR(Allow(ruleset.get(), access, attributes.files));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return ErrnoError(errno, "enforce Landlock");
  return true;
}

}  // namespace banger
