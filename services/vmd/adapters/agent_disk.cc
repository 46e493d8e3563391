#include "services/vmd/adapters/agent_disk.h"

#include <algorithm>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/digest/sha256.h"
#include "common/ext4/ext4_writer.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/file_version.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kDiskBytes = std::int64_t{64} << 20;
constexpr char kTools[] = "guest/";

template <typename Files>
absl::StatusOr<std::string> KeyOf(const Files& files) {
  std::string key;
  for (const auto& [name, path] : files) {
    BANGER_ASSIGN_OR_RETURN(const std::string version, FileVersion(path));
    absl::StrAppend(&key, name, ":", version, "\n");
  }
  return key;
}

template <typename Files>
absl::StatusOr<std::string> DigestOf(const Files& files) {
  std::string list;
  for (const auto& [name, path] : files) {
    BANGER_ASSIGN_OR_RETURN(const std::string digest, Sha256OfFile(path));
    absl::StrAppend(&list, name, " ", digest, "\n");
  }
  return Sha256Hex(list);
}

absl::Status AddProgram(Ext4Writer& writer, ext4::Inode* parent, const std::string& name,
                        const fs::path& path) {
  BANGER_ASSIGN_OR_RETURN(const std::string program, ReadFile(path));
  BANGER_RETURN_IF_ERROR(writer.BeginFile(parent, name, {.mode = 0755}).status());
  BANGER_RETURN_IF_ERROR(writer.WriteFile(0, program));
  return writer.EndFile(static_cast<std::int64_t>(program.size()));
}

}  // namespace

absl::StatusOr<fs::path> AgentDisk::Get() {
  const MutexLock lock(mutex_);
  BANGER_ASSIGN_OR_RETURN(const Files files, Find());
  BANGER_ASSIGN_OR_RETURN(const std::string key, KeyOf(files));
  std::error_code ignored;
  if (key == key_ && fs::exists(disk_, ignored)) return disk_;
  BANGER_ASSIGN_OR_RETURN(const std::string digest, DigestOf(files));
  const fs::path disk = dir_ / (digest.substr(0, 16) + ".ext4");
  if (!fs::exists(disk, ignored)) BANGER_RETURN_IF_ERROR(Build(disk, files));
  key_ = key;
  disk_ = disk;
  return disk;
}

absl::StatusOr<AgentDisk::Files> AgentDisk::Find() const {
  Files files;
  std::error_code error;
  for (fs::directory_iterator entry(tools_, error), end; !error && entry != end; entry.increment(error))
    files.emplace_back(kTools + entry->path().filename().string(), entry->path());
  if (error) return ErrnoError(error.value(), absl::StrCat("read '", tools_.string(), "'"));
  std::sort(files.begin(), files.end());
  files.emplace_back("banger-agent", agent_);
  return files;
}

// Those of earlier agents and of builds that were killed. VMs that run have
// theirs open; the one handed out last may be about to be opened.
void AgentDisk::RemoveOld() const {
  std::error_code error;
  for (fs::directory_iterator entry(dir_, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path() == disk_) continue;
    if (const absl::Status removed = RemoveTree(entry->path()); !removed.ok())
      log::Warn("an old agent disk stays", {{"error", std::string(removed.message())}});
  }
}

// Empty directories are where the agent mounts what comes before the real root.
absl::Status AgentDisk::Build(const fs::path& disk, const Files& files) const {
  BANGER_RETURN_IF_ERROR(MakeDirectories(dir_));
  RemoveOld();
  BANGER_ASSIGN_OR_RETURN(const TempDir staging, TempDir::Create(dir_));
  const fs::path staged = staging.path() / "agent.ext4";
  BANGER_ASSIGN_OR_RETURN(Ext4Writer writer, Ext4Writer::Create(staged));
  for (const char* directory : {"dev", "proc", "sys", "run", "mnt"})
    BANGER_RETURN_IF_ERROR(writer.AddDirectory(writer.root(), directory, {.mode = 0755}).status());
  BANGER_ASSIGN_OR_RETURN(ext4::Inode* const tools,
                          writer.AddDirectory(writer.root(), "guest", {.mode = 0755}));
  for (const auto& [name, path] : files) {
    absl::string_view plain = name;
    ext4::Inode* const parent = absl::ConsumePrefix(&plain, kTools) ? tools : writer.root();
    BANGER_RETURN_IF_ERROR(AddProgram(writer, parent, std::string(plain), path));
  }
  BANGER_RETURN_IF_ERROR(writer.Finish({.size_bytes = kDiskBytes, .label = "banger-agent"}));
  return RenameDurably(staged, disk);
}

}  // namespace banger::vmd
