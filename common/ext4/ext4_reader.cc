#include "common/ext4/ext4_reader.h"

#include <ext2fs/ext2fs.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/ext4/block_runs.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

using ext4::Type;

constexpr std::int64_t kPiece = 1 << 20;
constexpr int kMaxSymlinks = 40;

absl::StatusOr<Type> TypeOf(const ext2_inode_large& raw) {
  switch (raw.i_mode & LINUX_S_IFMT) {
    case LINUX_S_IFREG:
      return Type::kFile;
    case LINUX_S_IFDIR:
      return Type::kDirectory;
    case LINUX_S_IFLNK:
      return Type::kSymlink;
    case LINUX_S_IFCHR:
      return Type::kCharDevice;
    case LINUX_S_IFBLK:
      return Type::kBlockDevice;
    case LINUX_S_IFIFO:
      return Type::kFifo;
    case LINUX_S_IFSOCK:
      return Type::kSocket;
    default:
      return absl::DataLossError("of no known type");
  }
}

// Nanoseconds and the years after 2038 are in a part that small inodes lack.
void TakeTime(const ext2_inode_large& raw, std::size_t inode_size, ext4::Attributes& attributes) {
  attributes.mtime_seconds = static_cast<std::int32_t>(raw.i_mtime);
  constexpr std::size_t kEnd = offsetof(ext2_inode_large, i_mtime_extra) + sizeof raw.i_mtime_extra;
  if (inode_size < kEnd || std::size_t{EXT2_GOOD_OLD_INODE_SIZE} + raw.i_extra_isize < kEnd) return;
  attributes.mtime_seconds += static_cast<std::int64_t>(raw.i_mtime_extra & 3) << 32;
  attributes.mtime_nanoseconds = std::min<std::uint32_t>(raw.i_mtime_extra >> 2, 999'999'999);
}

void TakeDevice(const ext2_inode_large& raw, Ext4Reader::Node& node) {
  const __u32 old = raw.i_block[0];
  const __u32 wide = raw.i_block[1];
  node.device_major = old != 0 ? old >> 8 & 0xff : (wide >> 8) & 0xfff;
  node.device_minor = old != 0 ? old & 0xff : (wide & 0xff) | ((wide >> 12) & 0xfff00);
}

struct CloseFile {
  void operator()(ext2_file* file) const { ext2fs_file_close(file); }
};

}  // namespace

absl::StatusOr<Ext4Reader> Ext4Reader::Open(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoError(errno, absl::StrCat("stat '", path.string(), "'"));
  ext2_filsys fs = nullptr;
  const errcode_t code = ext2fs_open(path.c_str(), EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs);
  if (code > 0 && code < 256)
    return ErrnoError(static_cast<int>(code), absl::StrCat("open '", path.string(), "'"));
  if (code == EXT2_ET_UNSUPP_FEATURE || code == EXT2_ET_RO_UNSUPP_FEATURE)
    return absl::DataLossError("the file system has features that are not known here");
  if (code == EXT2_ET_SB_CSUM_INVALID) return absl::DataLossError("the superblock's checksum is wrong");
  if (code != 0) return absl::DataLossError("it is no ext4 file system");
  Ext4Reader reader(fs);
  BANGER_RETURN_IF_ERROR(reader.CheckMountable(info.st_size));
  return reader;
}

absl::Status Ext4Reader::CheckMountable(std::int64_t file_bytes) const {
  const std::uint64_t blocks = ext2fs_blocks_count(fs_->super);
  if (blocks > static_cast<std::uint64_t>(file_bytes) / fs_->blocksize)
    return absl::DataLossError(absl::StrCat("the file system has ", blocks, " blocks of ", fs_->blocksize,
                                            " bytes, the file only ", file_bytes, " bytes"));
  if (ext2fs_has_feature_journal_needs_recovery(fs_->super) != 0)
    return absl::DataLossError(
        "the file system was not unmounted: its journal has to be replayed first (e2fsck -p)");
  if (ext2fs_has_feature_journal_dev(fs_->super) != 0)
    return absl::DataLossError("it is only the journal of a file system");
  if ((fs_->super->s_state & EXT2_ERROR_FS) != 0)
    return absl::DataLossError("the file system is marked as having errors (e2fsck)");
  for (dgrp_t group = 0; group < fs_->group_desc_count; ++group)
    if (ext2fs_group_desc_csum_verify(fs_, group) == 0)
      return absl::DataLossError(absl::StrCat("the checksum of block group ", group, " is wrong"));
  const absl::StatusOr<Node> root = Read(kRoot);
  BANGER_RETURN_IF_ERROR(root.status());
  if (root->type != Type::kDirectory) return absl::DataLossError("the root is no directory");
  return absl::OkStatus();
}

Ext4Reader::Ext4Reader(Ext4Reader&& other) noexcept : fs_(std::exchange(other.fs_, nullptr)) {}

Ext4Reader::~Ext4Reader() {
  if (fs_ != nullptr) ext2fs_free(fs_);
}

absl::Status Ext4Reader::Fault(long code, absl::string_view what) const {
  if (code == 0) return absl::OkStatus();
  if (code == EXT2_ET_FILE_NOT_FOUND) return absl::NotFoundError(what);
  if (code == EIO) return absl::DataLossError(absl::StrCat(what, ": input/output error"));
  return absl::DataLossError(absl::StrCat(what, ": the file system is damaged (error ", code, ")"));
}

std::int64_t Ext4Reader::size_bytes() const {
  return static_cast<std::int64_t>(ext2fs_blocks_count(fs_->super)) * fs_->blocksize;
}

absl::Status Ext4Reader::CheckDirectory(Number directory) const {
  const std::string what = absl::StrCat("directory inode ", directory);
  ext2_inode inode{};
  BANGER_RETURN_IF_ERROR(Fault(ext2fs_read_inode(fs_, directory, &inode), what));
  if ((inode.i_flags & EXT4_INLINE_DATA_FL) != 0) return absl::OkStatus();
  return Annotate(ext4::BlockRunsOf(fs_, directory, inode).status(), what);
}

absl::StatusOr<Ext4Reader::Number> Ext4Reader::Lookup(Number directory, const std::string& name) const {
  ext2_inode inode{};
  BANGER_RETURN_IF_ERROR(Fault(ext2fs_read_inode(fs_, directory, &inode), name));
  if (LINUX_S_ISDIR(inode.i_mode) == 0) return absl::NotFoundError(name);
  BANGER_RETURN_IF_ERROR(CheckDirectory(directory));
  ext2_ino_t number = 0;
  BANGER_RETURN_IF_ERROR(Fault(
      ext2fs_lookup(fs_, directory, name.c_str(), static_cast<int>(name.size()), nullptr, &number), name));
  return number;
}

absl::StatusOr<Ext4Reader::Number> Ext4Reader::Find(const std::string& path) const {
  Number at = kRoot;
  const std::vector<std::string> names = absl::StrSplit(path, '/', absl::SkipEmpty());
  std::deque<std::string> rest(names.begin(), names.end());
  for (int symlinks = 0; !rest.empty();) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    BANGER_ASSIGN_OR_RETURN(const Number next, Lookup(at, name));
    BANGER_ASSIGN_OR_RETURN(const Node node, Read(next));
    if (node.type != Type::kSymlink) {
      at = next;
      continue;
    }
    if (++symlinks > kMaxSymlinks) return absl::NotFoundError(path);
    if (absl::StartsWith(node.target, "/")) at = kRoot;
    const std::vector<std::string> target = absl::StrSplit(node.target, '/', absl::SkipEmpty());
    rest.insert(rest.begin(), target.begin(), target.end());
  }
  return at;
}

absl::StatusOr<Ext4Reader::Node> Ext4Reader::Read(Number number) const {
  const std::string what = absl::StrCat("inode ", number);
  ext2_inode_large raw{};
  auto* const small = reinterpret_cast<ext2_inode*>(&raw);
  BANGER_RETURN_IF_ERROR(Fault(ext2fs_read_inode_full(fs_, number, small, sizeof raw), what));
  Node node;
  const absl::StatusOr<Type> type = TypeOf(raw);
  if (!type.ok()) return Annotate(type.status(), what);
  node.type = *type;
  node.names = raw.i_links_count;
  node.attributes.mode = raw.i_mode & 07777U;
  node.attributes.uid = inode_uid(raw);
  node.attributes.gid = inode_gid(raw);
  TakeTime(raw, EXT2_INODE_SIZE(fs_->super), node.attributes);
  BANGER_RETURN_IF_ERROR(ReadXattrs(number, node.attributes));
  if (node.type == Type::kCharDevice || node.type == Type::kBlockDevice) TakeDevice(raw, node);
  if (node.type == Type::kFile) node.size = static_cast<std::int64_t>(EXT2_I_SIZE(&raw));
  if (node.size < 0) return absl::DataLossError(absl::StrCat(what, ": an impossible size"));
  if (node.type == Type::kSymlink) {
    const std::size_t size = EXT2_I_SIZE(&raw);
    if (size == 0 || size > 4095) return absl::DataLossError(absl::StrCat(what, ": an impossible symlink"));
    if (ext2fs_is_fast_symlink(small) != 0) {
      node.target.assign(reinterpret_cast<const char*>(raw.i_block), std::min(size, sizeof raw.i_block));
    } else {
      BANGER_ASSIGN_OR_RETURN(node.target, ReadBegin(number, size));
    }
  }
  return node;
}

absl::Status Ext4Reader::ReadXattrs(Number number, ext4::Attributes& attributes) const {
  ext2_xattr_handle* handle = nullptr;
  const std::string what = absl::StrCat("xattrs of inode ", number);
  BANGER_RETURN_IF_ERROR(Fault(ext2fs_xattrs_open(fs_, number, &handle), what));
  const auto collect = [](char* name, char* value, std::size_t size, void* out) -> int {
    // Internal to file systems with inline data.
    if (absl::string_view(name) != "system.data")
      (*static_cast<std::map<std::string, std::string>*>(out))[name] = std::string(value, size);
    return 0;
  };
  errcode_t code = ext2fs_xattrs_read(handle);
  if (code == 0) code = ext2fs_xattrs_iterate(handle, collect, &attributes.xattrs);
  ext2fs_xattrs_close(&handle);
  return Fault(code, what);
}

absl::StatusOr<std::vector<std::pair<std::string, Ext4Reader::Number>>> Ext4Reader::List(
    Number directory) const {
  BANGER_RETURN_IF_ERROR(CheckDirectory(directory));
  using Entries = std::vector<std::pair<std::string, Number>>;
  Entries entries;
  const auto collect = [](ext2_dir_entry* entry, int, int, char*, void* out) -> int {
    std::string name(entry->name, static_cast<std::size_t>(ext2fs_dirent_name_len(entry)));
    if (name != "." && name != "..") static_cast<Entries*>(out)->emplace_back(std::move(name), entry->inode);
    return 0;
  };
  BANGER_RETURN_IF_ERROR(Fault(ext2fs_dir_iterate(fs_, directory, 0, nullptr, collect, &entries),
                               absl::StrCat("directory inode ", directory)));
  std::sort(entries.begin(), entries.end());
  return entries;
}

absl::StatusOr<std::vector<Ext4Reader::Range>> Ext4Reader::DataRanges(Number file) const {
  const std::string what = absl::StrCat("inode ", file);
  ext2_inode inode{};
  BANGER_RETURN_IF_ERROR(Fault(ext2fs_read_inode(fs_, file, &inode), what));
  const auto size = static_cast<std::int64_t>(EXT2_I_SIZE(&inode));
  std::vector<Range> ranges;
  if ((inode.i_flags & EXT4_INLINE_DATA_FL) != 0) {
    if (size > 0) ranges.push_back({0, size});
    return ranges;
  }
  const auto runs = ext4::BlockRunsOf(fs_, file, inode);
  if (!runs.ok()) return Annotate(runs.status(), what);
  for (const ext4::BlockRun& run : *runs) {
    const std::int64_t offset = static_cast<std::int64_t>(run.logical) * fs_->blocksize;
    if (offset >= size) break;
    const std::int64_t length =
        std::min(static_cast<std::int64_t>(run.count) * fs_->blocksize, size - offset);
    if (!ranges.empty() && ranges.back().offset + ranges.back().size == offset) {
      ranges.back().size += length;
    } else {
      ranges.push_back({offset, length});
    }
  }
  return ranges;
}

absl::Status Ext4Reader::ReadContent(Number file, const Sink& sink) const {
  const std::string what = absl::StrCat("inode ", file);
  ext2_inode inode{};
  BANGER_RETURN_IF_ERROR(Fault(ext2fs_read_inode(fs_, file, &inode), what));
  const auto size = static_cast<std::int64_t>(EXT2_I_SIZE(&inode));
  if ((inode.i_flags & EXT4_INLINE_DATA_FL) != 0) {  // at most some hundred bytes
    BANGER_ASSIGN_OR_RETURN(const std::string bytes, ReadBegin(file, fs_->blocksize));
    return bytes.empty() ? absl::OkStatus() : sink(0, bytes);
  }
  const auto runs = ext4::BlockRunsOf(fs_, file, inode);
  if (!runs.ok()) return Annotate(runs.status(), what);
  const std::int64_t block = fs_->blocksize;
  const std::int64_t piece = (std::clamp<std::int64_t>(size, 1, kPiece) + block - 1) / block;  // in blocks
  std::string buffer(static_cast<std::size_t>(piece * block), '\0');
  for (const ext4::BlockRun& run : *runs) {
    for (std::uint64_t done = 0; done < run.count;) {
      const std::int64_t offset = static_cast<std::int64_t>(run.logical + done) * block;
      if (offset >= size) return absl::OkStatus();
      const auto count = static_cast<int>(std::min<std::uint64_t>(run.count - done, piece));
      BANGER_RETURN_IF_ERROR(
          Fault(io_channel_read_blk64(fs_->io, run.physical + done, count, buffer.data()), what));
      const std::int64_t bytes = std::min(count * block, size - offset);
      BANGER_RETURN_IF_ERROR(sink(offset, absl::string_view(buffer.data(), static_cast<std::size_t>(bytes))));
      done += static_cast<std::uint64_t>(count);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Ext4Reader::ReadBegin(Number file, std::size_t max_bytes) const {
  const std::string what = absl::StrCat("inode ", file);
  ext2_file_t raw = nullptr;
  BANGER_RETURN_IF_ERROR(Fault(ext2fs_file_open(fs_, file, 0, &raw), what));
  const std::unique_ptr<ext2_file, CloseFile> owner(raw);
  // libext2fs gives more than that of data that is in the inode.
  __u64 size = 0;
  BANGER_RETURN_IF_ERROR(Fault(ext2fs_file_get_lsize(raw, &size), what));
  std::string content(static_cast<std::size_t>(std::min<__u64>(max_bytes, size)), '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    unsigned count = 0;
    BANGER_RETURN_IF_ERROR(Fault(
        ext2fs_file_read(raw, content.data() + done, static_cast<unsigned>(content.size() - done), &count),
        what));
    if (count == 0) break;
    done += count;
  }
  content.resize(done);
  return content;
}

}  // namespace banger
