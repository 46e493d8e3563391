#include "services/vmd/adapters/disk_snapshots.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/dig_holes.h"
#include "services/vmd/adapters/snapshot_seal.h"
#include "services/vmd/core/names.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace fs = std::filesystem;
namespace {

// No snapshot's name.
constexpr char kNew[] = ".new";
constexpr char kGone[] = ".gone";
constexpr char kSeal[] = "seal";
// Where VMMs write that make their files themselves; theirs as long as they run.
constexpr char kFrozen[] = "frozen";
constexpr char kStage[] = "restore";
constexpr char kCommitting[] = "restored";

constexpr const char* kDisks[] = {"upper.ext4", "work.ext4"};
constexpr char kAgent[] = "agent.ext4";
constexpr char kMemory[] = "memory";

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

absl::Status Move(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("rename '", from.string(), "' to '", to.string(), "'"));
}

absl::Status Link(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("link '", from.string(), "' to '", to.string(), "'"));
}

absl::StatusOr<std::vector<fs::path>> FilesIn(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    files.push_back(entry->path());
  if (error && error != std::errc::no_such_file_or_directory)
    return ErrnoError(error.value(), absl::StrCat("read '", directory.string(), "'"));
  return files;
}

absl::Status SyncFiles(const fs::path& directory) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<fs::path> files, FilesIn(directory));
  for (const fs::path& path : files) {
    BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
    if (::fsync(fd.get()) < 0) return ErrnoError(errno, absl::StrCat("sync '", path.string(), "'"));
  }
  return absl::OkStatus();
}

std::int64_t UsedBy(const fs::path& directory) {
  std::int64_t used = 0;
  const absl::StatusOr<std::vector<fs::path>> files = FilesIn(directory);
  if (!files.ok()) return 0;
  for (const fs::path& path : *files) used += DiskUsage(path).value_or(0);
  return used;
}

absl::StatusOr<Seal> ReadSeal(const fs::path& directory) {
  const absl::StatusOr<std::string> text = ReadFile(directory / kSeal, 1 << 20);
  if (!text.ok()) return absl::DataLossError("it has no seal");
  return DecodeSeal(*text);
}

bool IsDisk(const fs::path& path) {
  return std::any_of(std::begin(kDisks), std::end(kDisks),
                     [&path](const char* disk) { return path.filename() == disk; });
}

}  // namespace

fs::path DiskSnapshots::VmDirectory(const std::string& uid) const {
  return files_.PathsOf(uid).upper.parent_path();
}

fs::path DiskSnapshots::Directory(const std::string& uid, const std::string& name) const {
  return VmDirectory(uid) / "snapshots" / name;
}

absl::Status DiskSnapshots::CheckFree(const std::string& uid, const std::string& name) {
  return Exists(Directory(uid, name)) ? SnapshotExists(name) : absl::OkStatus();
}

absl::StatusOr<fs::path> DiskSnapshots::Begin(const std::string& uid) {
  const fs::path directory = Directory(uid, kNew);
  BANGER_RETURN_IF_ERROR(RemoveTree(directory));
  BANGER_RETURN_IF_ERROR(MakeDirectories(directory));
  return directory;
}

absl::Status DiskSnapshots::CopyDisks(const std::string& uid, bool with_agent) {
  const fs::path directory = Directory(uid, kNew);
  for (const char* disk : kDisks)
    BANGER_RETURN_IF_ERROR(CloneFile(VmDirectory(uid) / disk, directory / disk));
  return with_agent ? Link(VmDirectory(uid) / kAgent, directory / kAgent) : absl::OkStatus();
}

absl::StatusOr<Snapshot> DiskSnapshots::Publish(const std::string& uid, const Snapshot& snapshot,
                                                const std::stop_token& stop) {
  const fs::path unfinished = Directory(uid, kNew);
  // Some VMMs write all of a guest's memory, used or not.
  if (Exists(unfinished / kMemory)) BANGER_RETURN_IF_ERROR(DigHoles(unfinished / kMemory));
  BANGER_ASSIGN_OR_RETURN(SealedFiles files, DigestFiles(unfinished, stop));
  BANGER_RETURN_IF_ERROR(SyncFiles(unfinished));
  BANGER_RETURN_IF_ERROR(
      WriteFileAtomically(unfinished / kSeal, EncodeSeal({.snapshot = snapshot, .files = std::move(files)})));
  const fs::path directory = Directory(uid, snapshot.name);
  BANGER_RETURN_IF_ERROR(RenameDurably(unfinished, directory));
  BANGER_RETURN_IF_ERROR(SyncDirectory(VmDirectory(uid)));
  Snapshot published = snapshot;
  published.used_bytes = UsedBy(directory);
  return published;
}

absl::Status DiskSnapshots::Abandon(const std::string& uid) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<fs::path> left, FilesIn(VmDirectory(uid) / kFrozen));
  for (const fs::path& file : left) BANGER_RETURN_IF_ERROR(RemoveFileDurably(file));
  return Remove(uid, kNew);
}

absl::StatusOr<std::vector<Snapshot>> DiskSnapshots::List(const std::string& uid) {
  BANGER_ASSIGN_OR_RETURN(std::vector<fs::path> directories, FilesIn(Directory(uid, "")));
  std::sort(directories.begin(), directories.end());
  std::vector<Snapshot> snapshots;
  for (const fs::path& directory : directories) {
    const std::string name = directory.filename().string();
    if (!IsValidVmName(name)) continue;
    absl::StatusOr<Seal> seal = ReadSeal(directory);
    Snapshot snapshot = seal.ok() ? std::move(seal->snapshot) : Snapshot{};
    snapshot.name = name;
    snapshot.used_bytes = UsedBy(directory);
    snapshots.push_back(std::move(snapshot));
  }
  return snapshots;
}

absl::StatusOr<Snapshot> DiskSnapshots::Find(const std::string& uid, const std::string& name) {
  const fs::path directory = Directory(uid, name);
  if (!Exists(directory)) return SnapshotNotFound(name);
  absl::StatusOr<Seal> seal = ReadSeal(directory);
  if (!seal.ok()) return SnapshotDamaged(name, std::string(seal.status().message()));
  // One that was renamed by hand is still itself.
  seal->snapshot.name = name;
  seal->snapshot.used_bytes = UsedBy(directory);
  return std::move(seal->snapshot);
}

absl::Status DiskSnapshots::Verify(const std::string& uid, const std::string& name,
                                   const std::stop_token& stop) {
  const fs::path directory = Directory(uid, name);
  const absl::StatusOr<Seal> seal = ReadSeal(directory);
  const absl::Status whole = seal.ok() ? CheckFiles(directory, seal->files, stop) : seal.status();
  return absl::IsDataLoss(whole) ? SnapshotDamaged(name, std::string(whole.message())) : whole;
}

absl::Status DiskSnapshots::Delete(const std::string& uid, const std::string& name) {
  if (!Exists(Directory(uid, name))) return SnapshotNotFound(name);
  const fs::path gone = Directory(uid, kGone);
  BANGER_RETURN_IF_ERROR(RemoveTree(gone));
  BANGER_RETURN_IF_ERROR(RenameDurably(Directory(uid, name), gone));
  return Remove(uid, kGone);
}

absl::Status DiskSnapshots::Remove(const std::string& uid, const std::string& name) const {
  BANGER_RETURN_IF_ERROR(RemoveTree(Directory(uid, name)));
  ::rmdir(Directory(uid, "").c_str());  // the last one takes their directory along
  return absl::OkStatus();
}

absl::Status DiskSnapshots::Stage(const std::string& uid, const std::string& name, const std::string& to) {
  const fs::path stage = VmDirectory(to) / kStage;
  BANGER_RETURN_IF_ERROR(RemoveTree(stage));
  BANGER_RETURN_IF_ERROR(MakeDirectories(stage));
  BANGER_ASSIGN_OR_RETURN(const std::vector<fs::path> files,
                          FilesIn(Directory(uid, name.empty() ? kNew : name)));
  for (const fs::path& file : files) {
    const fs::path staged = stage / file.filename();
    if (file.filename() == kSeal) continue;
    BANGER_RETURN_IF_ERROR(name.empty()   ? Move(file, staged)
                           : IsDisk(file) ? CloneFile(file, staged)
                                          : Link(file, staged));
  }
  return absl::OkStatus();
}

SnapshotFiles::Staged DiskSnapshots::StageOf(const std::string& uid) const {
  Staged staged{.disks = files_.PathsOf(uid), .directory = VmDirectory(uid) / kStage};
  for (fs::path* const disk : {&staged.disks.upper, &staged.disks.work, &staged.disks.agent})
    *disk = staged.directory / disk->filename();
  return staged;
}

// The first rename decides; not synced, as after a loss of power the snapshot is still
// there, and the VM is not.
absl::Status DiskSnapshots::CommitStage(const std::string& uid) {
  BANGER_RETURN_IF_ERROR(RemoveTree(VmDirectory(uid) / kCommitting));
  BANGER_RETURN_IF_ERROR(Move(VmDirectory(uid) / kStage, VmDirectory(uid) / kCommitting));
  return MoveStaged(uid);
}

absl::Status DiskSnapshots::MoveStaged(const std::string& uid) {
  const fs::path committing = VmDirectory(uid) / kCommitting;
  for (const char* disk : {kDisks[0], kDisks[1], kAgent})
    if (Exists(committing / disk)) BANGER_RETURN_IF_ERROR(Move(committing / disk, VmDirectory(uid) / disk));
  return RemoveTree(committing);
}

absl::Status DiskSnapshots::DropStage(const std::string& uid) {
  return RemoveTree(VmDirectory(uid) / kStage);
}

bool DiskSnapshots::IsUnfinished(const std::string& uid) const { return Exists(Directory(uid, kNew)); }

absl::Status DiskSnapshots::Recover(const std::string& uid) {
  BANGER_RETURN_IF_ERROR(MoveStaged(uid));
  BANGER_RETURN_IF_ERROR(DropStage(uid));
  BANGER_RETURN_IF_ERROR(RemoveTree(Directory(uid, kGone)));
  return Abandon(uid);
}

}  // namespace banger::vmd
