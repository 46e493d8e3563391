#include "services/vmd/adapters/vm_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/ext4/ext4_writer.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace fs = std::filesystem;
namespace {

constexpr int kJournalMib = 16;
constexpr std::int64_t kAgentDiskBytes = std::int64_t{64} << 20;

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
          .vmm_metrics = directory / "vmm-metrics.json"};
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

absl::StatusOr<fs::path> DiskFiles::AgentDisk() {
  const MutexLock lock(mutex_);
  struct stat info {};
  if (::stat(agent_.c_str(), &info) < 0)
    return ErrnoError(errno, absl::StrCat("stat '", agent_.string(), "'"));
  const std::string key =
      absl::StrCat(info.st_ino, ":", info.st_size, ":", info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec);
  std::error_code ignored;
  if (key == agent_key_ && fs::exists(agent_disk_, ignored)) return agent_disk_;
  BANGER_ASSIGN_OR_RETURN(const std::string digest, Sha256OfFile(agent_));
  const fs::path disk = agent_dir_ / (digest.substr(0, 16) + ".ext4");
  if (!fs::exists(disk, ignored)) BANGER_RETURN_IF_ERROR(WithApiReason(BuildAgentDisk(disk)));
  agent_key_ = key;
  agent_disk_ = disk;
  return disk;
}

// Those of earlier agents and of builds that were killed. VMs that run have
// theirs open; the one handed out last may be about to be opened.
void DiskFiles::RemoveOldAgentDisks() const {
  std::error_code error;
  for (fs::directory_iterator entry(agent_dir_, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path() == agent_disk_) continue;
    if (const absl::Status removed = RemoveTree(entry->path()); !removed.ok())
      log::Warn("an old agent disk stays", {{"error", std::string(removed.message())}});
  }
}

// Directories are where the agent mounts what comes before the real root.
absl::Status DiskFiles::BuildAgentDisk(const fs::path& disk) const {
  BANGER_RETURN_IF_ERROR(MakeDirectories(agent_dir_));
  RemoveOldAgentDisks();
  BANGER_ASSIGN_OR_RETURN(const TempDir staging, TempDir::Create(agent_dir_));
  const fs::path staged = staging.path() / "agent.ext4";
  BANGER_ASSIGN_OR_RETURN(const std::string program, ReadFile(agent_));
  BANGER_ASSIGN_OR_RETURN(Ext4Writer writer, Ext4Writer::Create(staged));
  for (const char* directory : {"dev", "proc", "sys", "run", "mnt"})
    BANGER_RETURN_IF_ERROR(writer.AddDirectory(writer.root(), directory, {.mode = 0755}).status());
  BANGER_RETURN_IF_ERROR(writer.BeginFile(writer.root(), "banger-agent", {.mode = 0755}).status());
  BANGER_RETURN_IF_ERROR(writer.WriteFile(0, program));
  BANGER_RETURN_IF_ERROR(writer.EndFile(static_cast<std::int64_t>(program.size())));
  BANGER_RETURN_IF_ERROR(writer.Finish({.size_bytes = kAgentDiskBytes, .label = "banger-agent"}));
  return RenameDurably(staged, disk);
}

}  // namespace banger::vmd
