#include "common/ext4/testing/ext4_inspector.h"

#include <ext2fs/ext2fs.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/subprocess.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

absl::Status Check(errcode_t code, const std::string& what) {
  if (code == 0) return absl::OkStatus();
  if (code == EXT2_ET_FILE_NOT_FOUND) return absl::NotFoundError(what);
  return absl::InternalError(absl::StrCat(what, ": error ", code));
}

absl::StatusOr<ext2_ino_t> NumberOf(ext2_filsys fs, const std::string& path) {
  if (path == "/") return EXT2_ROOT_INO;
  ext2_ino_t number = 0;
  BANGER_RETURN_IF_ERROR(Check(ext2fs_namei(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path.c_str(), &number), path));
  return number;
}

}  // namespace

absl::StatusOr<Ext4Inspector> Ext4Inspector::Open(const std::filesystem::path& path) {
  ext2_filsys fs = nullptr;
  BANGER_RETURN_IF_ERROR(
      Check(ext2fs_open(path.c_str(), EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs), path.string()));
  return Ext4Inspector(fs);
}

Ext4Inspector::Ext4Inspector(Ext4Inspector&& other) noexcept : fs_(std::exchange(other.fs_, nullptr)) {}

Ext4Inspector::~Ext4Inspector() {
  if (fs_ != nullptr) ext2fs_free(fs_);
}

absl::StatusOr<Ext4Stat> Ext4Inspector::Stat(const std::string& path) const {
  Ext4Stat stat;
  BANGER_ASSIGN_OR_RETURN(stat.number, NumberOf(fs_, path));
  ext2_inode_large raw{};
  auto* const small = reinterpret_cast<ext2_inode*>(&raw);
  BANGER_RETURN_IF_ERROR(Check(ext2fs_read_inode_full(fs_, stat.number, small, sizeof raw), path));
  stat.mode = raw.i_mode;
  stat.uid = inode_uid(raw);
  stat.gid = inode_gid(raw);
  stat.size = static_cast<std::int64_t>(EXT2_I_SIZE(&raw));
  stat.mtime_seconds =
      static_cast<std::int32_t>(raw.i_mtime) + (static_cast<std::int64_t>(raw.i_mtime_extra & 3) << 32);
  stat.mtime_nanoseconds = raw.i_mtime_extra >> 2;
  stat.links = raw.i_links_count;
  stat.disk_bytes = static_cast<std::int64_t>(ext2fs_inode_i_blocks(fs_, small)) * 512;
  if (LINUX_S_ISCHR(raw.i_mode) || LINUX_S_ISBLK(raw.i_mode)) {
    const __u32 wide = raw.i_block[1];
    stat.device_major = raw.i_block[0] != 0 ? raw.i_block[0] >> 8 : (wide >> 8) & 0xfff;
    stat.device_minor =
        raw.i_block[0] != 0 ? raw.i_block[0] & 0xff : (wide & 0xff) | ((wide >> 12) & 0xfff00);
  }
  return stat;
}

absl::StatusOr<std::string> Ext4Inspector::ReadFile(const std::string& path) const {
  BANGER_ASSIGN_OR_RETURN(const ext2_ino_t number, NumberOf(fs_, path));
  BANGER_ASSIGN_OR_RETURN(const Ext4Stat stat, Stat(path));
  ext2_file_t file = nullptr;
  BANGER_RETURN_IF_ERROR(Check(ext2fs_file_open(fs_, number, 0, &file), path));
  std::string content(static_cast<std::size_t>(stat.size), '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    unsigned got = 0;
    const auto wanted = static_cast<unsigned>(std::min<std::size_t>(content.size() - done, 1 << 20));
    const errcode_t code = ext2fs_file_read(file, content.data() + done, wanted, &got);
    if (code != 0 || got == 0) {
      ext2fs_file_close(file);
      return absl::InternalError(absl::StrCat("read ", path, ": error ", code));
    }
    done += got;
  }
  ext2fs_file_close(file);
  return content;
}

absl::StatusOr<std::string> Ext4Inspector::ReadLink(const std::string& path) const {
  BANGER_ASSIGN_OR_RETURN(const Ext4Stat stat, Stat(path));
  if (!LINUX_S_ISLNK(stat.mode)) return absl::InvalidArgumentError(absl::StrCat(path, " is not a symlink"));
  if (stat.disk_bytes > 0) return ReadFile(path);
  ext2_inode raw{};
  BANGER_RETURN_IF_ERROR(Check(ext2fs_read_inode(fs_, stat.number, &raw), path));
  return std::string(reinterpret_cast<const char*>(raw.i_block), static_cast<std::size_t>(stat.size));
}

absl::StatusOr<std::vector<std::string>> Ext4Inspector::List(const std::string& path) const {
  BANGER_ASSIGN_OR_RETURN(const ext2_ino_t number, NumberOf(fs_, path));
  std::vector<std::string> names;
  const auto collect = [](ext2_dir_entry* entry, int, int, char*, void* out) -> int {
    const std::string name(entry->name, static_cast<std::size_t>(ext2fs_dirent_name_len(entry)));
    if (name != "." && name != "..") static_cast<std::vector<std::string>*>(out)->push_back(name);
    return 0;
  };
  BANGER_RETURN_IF_ERROR(Check(ext2fs_dir_iterate(fs_, number, 0, nullptr, collect, &names), path));
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::map<std::string, std::string>> Ext4Inspector::Xattrs(const std::string& path) const {
  BANGER_ASSIGN_OR_RETURN(const ext2_ino_t number, NumberOf(fs_, path));
  std::map<std::string, std::string> found;
  ext2_xattr_handle* handle = nullptr;
  BANGER_RETURN_IF_ERROR(Check(ext2fs_xattrs_open(fs_, number, &handle), path));
  const auto collect = [](char* name, char* value, size_t size, void* out) -> int {
    (*static_cast<std::map<std::string, std::string>*>(out))[name] = std::string(value, size);
    return 0;
  };
  errcode_t code = ext2fs_xattrs_read(handle);
  if (code == 0) code = ext2fs_xattrs_iterate(handle, collect, &found);
  ext2fs_xattrs_close(&handle);
  BANGER_RETURN_IF_ERROR(Check(code, path));
  return found;
}

std::string Ext4Inspector::label() const {
  const auto* const label = reinterpret_cast<const char*>(fs_->super->s_volume_name);
  return std::string(label, ::strnlen(label, sizeof fs_->super->s_volume_name));
}

std::int64_t Ext4Inspector::size_bytes() const {
  return static_cast<std::int64_t>(ext2fs_blocks_count(fs_->super)) * fs_->blocksize;
}

absl::Status CheckExt4(const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(const CommandResult result,
                          RunCommand({.argv = {"/sbin/e2fsck", "-fn", path.string()}}));
  if (result.status.success()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(result.status.ToString(), ": ", result.out, result.err));
}

}  // namespace banger
