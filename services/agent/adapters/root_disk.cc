#include "services/agent/adapters/root_disk.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/boot_warnings.h"
#include "services/agent/adapters/copy_tree.h"
#include "services/agent/adapters/grow_file_system.h"
#include "services/agent/adapters/in_root.h"
#include "services/agent/adapters/mounts.h"
#include "services/agent/core/guest_paths.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

// On a small tmpfs that goes with the agent disk once the root is entered.
constexpr char kBase[] = "/mnt";
// On the agent disk.
constexpr char kTools[] = "/guest";
// On the work disk's root directory: the image's files are there.
constexpr char kFilled[] = "trusted.banger.filled";

struct Layout {
  fs::path image = fs::path(kBase) / "image";
  fs::path upper = fs::path(kBase) / "upper";
  fs::path root = fs::path(kBase) / "root";
  fs::path work = fs::path(kBase) / "work";
};

// A disk that stays as small as it was is no reason not to boot.
void Grow(const std::string& disk, const fs::path& mounted) {
  const absl::Status grown = GrowFileSystem(disk, mounted);
  if (!grown.ok()) NoteBootWarning(std::string(grown.message()));
}

absl::Status MountOverlay(const Disks& disks, const Layout& at) {
  BANGER_RETURN_IF_ERROR(DoMount({disks.image, at.image, "ext4", MS_RDONLY, ""}));
  BANGER_RETURN_IF_ERROR(DoMount({disks.upper, at.upper, "ext4", MS_NOATIME, ""}));
  Grow(disks.upper, at.upper);
  BANGER_RETURN_IF_ERROR(MakeDirectories(at.upper / "upper", 0755));
  BANGER_RETURN_IF_ERROR(MakeDirectories(at.upper / "work", 0755));
  return DoMount({"overlay", at.root, "overlay", 0,
                  absl::StrCat("lowerdir=", at.image.string(), ",upperdir=", (at.upper / "upper").string(),
                               ",workdir=", (at.upper / "work").string())});
}

// An interrupted copy is begun again: what it left is overwritten.
absl::Status FillWorkDisk(const fs::path& image_home, const fs::path& work) {
  char value = 0;
  if (::getxattr(work.c_str(), kFilled, &value, 1) >= 0) return absl::OkStatus();
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(work, error))
    BANGER_RETURN_IF_ERROR(RemoveTree(entry.path()));  // lost+found, half a copy
  if (fs::is_directory(image_home, error)) BANGER_RETURN_IF_ERROR(CopyTree(image_home, work));
  if (::chmod(work.c_str(), 0700) < 0 || ::setxattr(work.c_str(), kFilled, "1", 1, 0) < 0)
    return ErrnoError(errno, "mark the work disk");
  return absl::OkStatus();
}

absl::Status MountHome(const Disks& disks, const Layout& at) {
  BANGER_RETURN_IF_ERROR(DoMount({disks.work, at.work, "ext4", MS_NOATIME, ""}));
  Grow(disks.work, at.work);
  BANGER_ASSIGN_OR_RETURN(const fs::path home, DirectoryInRoot(at.root, "root"));
  BANGER_RETURN_IF_ERROR(FillWorkDisk(home, at.work));
  return MoveMount(at.work, home);
}

bool HasFiles(const fs::path& directory) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory, error))
    if (entry.symlink_status(error).type() != fs::file_type::directory) return true;
  return false;
}

// Container engines lay overlays themselves, which does not work on an overlay. So what
// they store lies on the plain upper disk, also when they are installed later. An image
// that comes with something there keeps it, where it is.
absl::Status BindContainerStorage(const Layout& at) {
  for (const char* directory : {"var/lib/docker", "var/lib/containerd", "var/lib/containers"}) {
    const fs::path plain = at.upper / "plain" / directory;
    BANGER_ASSIGN_OR_RETURN(const fs::path storage, DirectoryInRoot(at.root, directory));
    if (!fs::exists(plain)) {
      if (HasFiles(storage)) continue;
      const fs::path made = absl::StrCat(plain.string(), ".new");
      BANGER_RETURN_IF_ERROR(RemoveTree(made));
      BANGER_RETURN_IF_ERROR(MakeDirectories(made, 0711));
      BANGER_RETURN_IF_ERROR(CopyTree(storage, made));
      if (::rename(made.c_str(), plain.c_str()) < 0)
        return ErrnoError(errno, absl::StrCat("rename '", made.string(), "'"));
    }
    BANGER_RETURN_IF_ERROR(BindMount(plain, storage));
  }
  return absl::OkStatus();
}

// Lets go of the agent disk and of all mounts below it.
absl::Status PivotTo(const fs::path& root) {
  if (::chdir(root.c_str()) < 0 || ::syscall(SYS_pivot_root, ".", ".") < 0)
    return ErrnoError(errno, absl::StrCat("make '", root.string(), "' the root"));
  if (::umount2(".", MNT_DETACH) < 0 || ::chroot(".") < 0 || ::chdir("/") < 0)
    return ErrnoError(errno, "leave the agent disk");
  return absl::OkStatus();
}

}  // namespace

absl::Status MountKernelFileSystems() {
  BANGER_RETURN_IF_ERROR(MountOnce({"proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""}));
  BANGER_RETURN_IF_ERROR(MountOnce({"sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""}));
  BANGER_RETURN_IF_ERROR(MountOnce({"devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755"}));
  return MountOnce({"tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"});
}

absl::Status EnterRootDisk(const Disks& disks) {
  const Layout at;
  BANGER_RETURN_IF_ERROR(DoMount({"tmpfs", kBase, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=1m"}));
  BANGER_RETURN_IF_ERROR(MountOverlay(disks, at));
  BANGER_RETURN_IF_ERROR(MountHome(disks, at));
  BANGER_RETURN_IF_ERROR(BindContainerStorage(at));
  BANGER_RETURN_IF_ERROR(BindMount("/proc/self/exe", kAgentInGuest));
  BANGER_RETURN_IF_ERROR(BindMount(kTools, kToolsInGuest));
  // All places first: to find one takes /proc.
  std::map<fs::path, fs::path> places;
  for (const char* dir : {"/proc", "/sys", "/dev", "/run"}) {
    BANGER_ASSIGN_OR_RETURN(places[dir], DirectoryInRoot(at.root, dir + 1));
  }
  for (const auto& [dir, place] : places) BANGER_RETURN_IF_ERROR(MoveMount(dir, place));
  return PivotTo(at.root);
}

absl::Status MountWhatAnInitWould() {
  BANGER_RETURN_IF_ERROR(
      MountOnce({"devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666"}));
  BANGER_RETURN_IF_ERROR(MountOnce({"tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"}));
  const struct {
    const char* name;
    const char* target;
  } links[] = {{"/dev/fd", "/proc/self/fd"},
               {"/dev/stdin", "/proc/self/fd/0"},
               {"/dev/stdout", "/proc/self/fd/1"},
               {"/dev/stderr", "/proc/self/fd/2"}};
  for (const auto& link : links) {
    if (::symlink(link.target, link.name) < 0 && errno != EEXIST)
      return ErrnoError(errno, absl::StrCat("create '", link.name, "'"));
  }
  BANGER_RETURN_IF_ERROR(DirectoryInRoot("/", "tmp").status());
  if (::chmod("/tmp", 01777) < 0) return ErrnoError(errno, "chmod '/tmp'");
  return MountOnce({"cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate"});
}

}  // namespace banger::agent
