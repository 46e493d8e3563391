#include "tests/integration/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

constexpr char kFiller[] = "filler";

}  // namespace

bool EnterOwnMounts() {
  return ::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

absl::StatusOr<SmallDisk> SmallDisk::Create(std::int64_t bytes, int inodes) {
  BANGER_ASSIGN_OR_RETURN(TempDir directory, TempDir::Create("/var/tmp"));
  const std::filesystem::path image = directory.path() / "image";
  SmallDisk disk(std::move(directory));
  BANGER_RETURN_IF_ERROR(MakeDirectories(disk.root()));
  const std::string blocks = absl::StrCat(bytes / 1024, "k");
  BANGER_RETURN_IF_ERROR(RunCommandOk({.argv = {"mkfs.ext4", "-q", "-F", "-m", "0", "-N",
                                                absl::StrCat(inodes), image.string(), blocks}})
                             .status());
  BANGER_RETURN_IF_ERROR(
      RunCommandOk({.argv = {"mount", "-o", "loop", image.string(), disk.root().string()}}).status());
  return disk;
}

SmallDisk::~SmallDisk() {
  if (!directory_.path().empty()) ::umount2(root().c_str(), MNT_DETACH);
}

std::int64_t SmallDisk::available() const {
  struct statvfs info {};
  ::statvfs(root().c_str(), &info);
  return static_cast<std::int64_t>(info.f_bavail * info.f_frsize);
}

absl::Status SmallDisk::Fill(std::int64_t left) const {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(root() / kFiller, O_WRONLY | O_CREAT | O_TRUNC));
  const std::int64_t bytes = std::max<std::int64_t>(available() - left, 1);
  // What the file system needs to know of it may be too much already.
  if (::fallocate(file.get(), 0, 0, bytes) != 0 && errno != ENOSPC) return ErrnoError(errno, "fill the disk");
  return absl::OkStatus();
}

void SmallDisk::Clear() const { ::unlink((root() / kFiller).c_str()); }

}  // namespace banger
