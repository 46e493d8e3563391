#include "services/vmd/adapters/vm_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/ext4/ext4_writer.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace fs = std::filesystem;
namespace {

constexpr int kJournalMib = 16;

absl::Status WithApiReason(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? DiskFull(std::string(status.message())) : status;
}

// The journal keeps a guest's disk whole when its VMM is killed; a small disk
// has no room for one.
ext4::Options DiskOptions(std::int64_t size, const std::string& label) {
  return {
      .size_bytes = size, .label = label, .journal_mib = size >= (std::int64_t{256} << 20) ? kJournalMib : 0};
}

absl::Status GrowFile(const fs::path& path, std::int64_t size) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_WRONLY));
  struct stat info {};
  if (::fstat(fd.get(), &info) < 0) return ErrnoError(errno, absl::StrCat("stat '", path.string(), "'"));
  if (info.st_size >= size) return absl::OkStatus();
  if (::ftruncate(fd.get(), size) < 0 || ::fsync(fd.get()) < 0)
    return ErrnoError(errno, absl::StrCat("grow '", path.string(), "' to ", size, " bytes"));
  return absl::OkStatus();
}

}  // namespace

DiskPaths DiskFiles::PathsOf(const std::string& uid) const {
  const fs::path directory = Directory(uid);
  return {.upper = directory / "upper.ext4",
          .work = directory / "work.ext4",
          .console_log = directory / "console.log",
          .vmm_log = directory / "vmm.log",
          .vmm_metrics = directory / "vmm-metrics.json",
          .agent = directory / "agent.ext4"};
}

absl::Status DiskFiles::MakeDisks(const std::string& uid, const VmSizes& sizes) {
  BANGER_RETURN_IF_ERROR(RemoveTree(Directory(uid)));
  BANGER_RETURN_IF_ERROR(WithApiReason(MakeDirectories(Directory(uid))));
  const DiskPaths paths = PathsOf(uid);
  BANGER_RETURN_IF_ERROR(
      WithApiReason(MakeEmptyExt4(paths.upper, DiskOptions(sizes.rootfs_size_bytes, "banger-upper"))));
  return WithApiReason(MakeEmptyExt4(paths.work, DiskOptions(sizes.disk_size_bytes, "banger-work")));
}

absl::Status DiskFiles::GrowDisks(const std::string& uid, const VmSizes& sizes) {
  const DiskPaths paths = PathsOf(uid);
  BANGER_RETURN_IF_ERROR(WithApiReason(GrowFile(paths.upper, sizes.rootfs_size_bytes)));
  return WithApiReason(GrowFile(paths.work, sizes.disk_size_bytes));
}

absl::Status DiskFiles::Remove(const std::string& uid) { return RemoveTree(Directory(uid)); }

std::int64_t DiskFiles::DiskUsed(const std::string& uid) const {
  const DiskPaths paths = PathsOf(uid);
  return DiskUsage(paths.upper).value_or(0) + DiskUsage(paths.work).value_or(0);
}

absl::StatusOr<std::vector<std::string>> DiskFiles::List() {
  std::vector<std::string> uids;
  std::error_code error;
  for (fs::directory_iterator entry(vms_dir_, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    // Only what can be a uid is ours to judge.
    if (name.size() == 12 && name.find_first_not_of("0123456789abcdef") == std::string::npos)
      uids.push_back(name);
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return ErrnoError(error.value(), absl::StrCat("read '", vms_dir_.string(), "'"));
  return uids;
}

absl::Status DiskFiles::GiveAgentDisk(const std::string& uid) {
  const absl::StatusOr<fs::path> disk = agent_disk_.Get();
  if (!disk.ok()) return WithApiReason(disk.status());
  const fs::path link = PathsOf(uid).agent;
  ::unlink(link.c_str());
  if (::link(disk->c_str(), link.c_str()) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("link '", disk->string(), "' to '", link.string(), "'"));
}

}  // namespace banger::vmd
