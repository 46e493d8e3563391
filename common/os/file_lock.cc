#include "common/os/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {

absl::StatusOr<FileLock> FileLock::Acquire(const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDWR | O_CREAT | O_NOFOLLOW));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
  if (errno == EWOULDBLOCK)
    return absl::FailedPreconditionError(absl::StrCat("lock '", path.string(), "': held by another process"));
  return ErrnoError(errno, absl::StrCat("lock '", path.string(), "'"));
}

absl::StatusOr<FileLock> FileLock::AcquireSoon(const std::filesystem::path& path,
                                               std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kPause{5};  // flock(2) waits for ever or not at all
  const auto deadline = std::chrono::steady_clock::now() + patience;
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDWR | O_CREAT | O_NOFOLLOW));
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return ErrnoError(errno, absl::StrCat("lock '", path.string(), "'"));
    if (std::chrono::steady_clock::now() >= deadline)
      return absl::UnavailableError(absl::StrCat("lock '", path.string(), "': another process keeps it"));
    std::this_thread::sleep_for(kPause);
  }
  return FileLock(std::move(fd));
}

}  // namespace banger
