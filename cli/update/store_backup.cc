#include "cli/update/store_backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "cli/doctor/store.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

// The database is last: it says that there is a copy, and that there is a database.
constexpr const char* kSuffixes[] = {"-shm", "-wal", ""};

// Of a file that somebody else may have put there, to a name of which the same is true.
absl::Status CopyFile(const fs::path& from, const fs::path& to, uid_t uid, gid_t gid) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd source, OpenFile(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (::fstat(source.get(), &info) < 0 || !S_ISREG(info.st_mode))
    return absl::FailedPreconditionError(absl::StrCat("'", from.string(), "' is no file"));
  const fs::path part = to.string() + ".part";
  BANGER_RETURN_IF_ERROR(RemoveFileDurably(part));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd copy, OpenFile(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
  std::string buffer(256 << 10, '\0');
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, ReadFully(source.get(), buffer.data(), buffer.size()));
    if (count == 0) break;
    BANGER_RETURN_IF_ERROR(
        Annotate(WriteFully(copy.get(), absl::string_view(buffer.data(), count)), part.string()));
  }
  if (::fchown(copy.get(), uid, gid) < 0 || ::fchmod(copy.get(), info.st_mode & 0777) < 0 ||
      ::fsync(copy.get()) < 0)
    return ErrnoError(errno, absl::StrCat("copy '", from.string(), "' to '", part.string(), "'"));
  return RenameDurably(part, to);
}

bool IsThere(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

}  // namespace

absl::Status BackUpStore(const fs::path& database, const fs::path& directory) {
  if (!IsThere(database)) return absl::OkStatus();
  BANGER_RETURN_IF_ERROR(MakeDirectories(directory, 0700));
  const std::string copy = directory / database.filename();
  for (const char* suffix : kSuffixes)
    if (IsThere(database.string() + suffix))
      BANGER_RETURN_IF_ERROR(CopyFile(database.string() + suffix, copy + suffix, ::geteuid(), ::getegid()));
  return absl::OkStatus();
}

absl::Status RestoreStore(const fs::path& database, const fs::path& directory) {
  const std::string copy = directory / database.filename();
  if (!IsThere(copy)) return absl::OkStatus();
  BANGER_ASSIGN_OR_RETURN(const int before, StoreVersion(copy));
  // None: an earlier try came as far as that.
  if (IsThere(database)) {
    BANGER_ASSIGN_OR_RETURN(const int now, StoreVersion(database));
    if (now <= before) return absl::OkStatus();
    BANGER_RETURN_IF_ERROR(RenameDurably(database, database.string() + ".newer"));
  }
  for (const char* suffix : {"-wal", "-shm"})
    if (IsThere(database.string() + suffix))
      BANGER_RETURN_IF_ERROR(
          RenameDurably(database.string() + suffix, database.string() + ".newer" + suffix));
  struct stat owner {};
  if (::lstat(database.parent_path().c_str(), &owner) < 0)
    return ErrnoError(errno, absl::StrCat("look at '", database.parent_path().string(), "'"));
  for (const char* suffix : kSuffixes)
    if (IsThere(copy + suffix))
      BANGER_RETURN_IF_ERROR(CopyFile(copy + suffix, database.string() + suffix, owner.st_uid, owner.st_gid));
  return absl::OkStatus();
}

}  // namespace banger::cli
