// Writes an ext4 file system into a file: unprivileged, in process, in one pass
// over the data. File contents go straight to their place as they come; all
// that depends on the size of the whole (tables, directories, journal) is laid
// out behind them by Finish, so nobody needs to know the size beforehand.
//
//   ASSIGN(Ext4Writer writer, Ext4Writer::Create(path));
//   ASSIGN(ext4::Inode* bin, writer.AddDirectory(writer.root(), "bin", {.mode = 0755}));
//   RETURN_IF_ERROR(writer.BeginFile(bin, "sh", {.mode = 0755}).status());
//   RETURN_IF_ERROR(writer.WriteFile(0, bytes));
//   RETURN_IF_ERROR(writer.EndFile(bytes.size()));
//   RETURN_IF_ERROR(writer.Finish({.size_bytes = 1 << 30}));
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger {
namespace ext4 {

class BlockStream;
class InodeArena;
class NameArena;
struct Inode;

constexpr std::int64_t kMaxFileSystemBytes = std::int64_t{2} << 40;

enum class Type { kFile, kDirectory, kSymlink, kCharDevice, kBlockDevice, kFifo, kSocket };

// All that an inode has besides its type and content.
struct Attributes {
  std::uint32_t mode = 0;  // permissions, setuid, setgid, sticky
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_seconds = 0;
  std::uint32_t mtime_nanoseconds = 0;
  // Full names: "user.x", "security.capability", ... They must fit into one block.
  std::map<std::string, std::string> xattrs;
};

struct Options {
  // Of the file system, at most kMaxFileSystemBytes; the file is sparse.
  std::int64_t size_bytes = 0;
  // At most 16 bytes.
  std::string label;
  // 0 for none, else 4 to 1024.
  int journal_mib = 0;
  // One inode for so many bytes, and always enough for what was added.
  std::int64_t bytes_per_inode = 16384;
};

}  // namespace ext4

// The tree is held in memory until Finish, some 120 bytes for a file; contents are
// not. Inode pointers stay valid as long as the writer, unless the inode is removed. Unless Finish
// succeeds the destructor removes the file. Not thread-safe.
class Ext4Writer {
 public:
  // `path` must not exist.
  static absl::StatusOr<Ext4Writer> Create(const std::filesystem::path& path);

  Ext4Writer(Ext4Writer&&) noexcept;
  ~Ext4Writer();

  ext4::Inode* root() const { return root_; }

  // Null when the directory has no such entry.
  ext4::Inode* Find(const ext4::Inode* directory, const std::string& name) const;
  ext4::Inode* ParentOf(const ext4::Inode* directory) const;  // of the root: the root
  ext4::Type TypeOf(const ext4::Inode* inode) const;
  const std::string& SymlinkTarget(const ext4::Inode* symlink) const;
  std::vector<std::string> NamesIn(const ext4::Inode* directory) const;

  // INVALID_ARGUMENT for names, targets and attributes that ext4 cannot hold;
  // ALREADY_EXISTS when the directory has the name.
  absl::StatusOr<ext4::Inode*> AddDirectory(ext4::Inode* parent, const std::string& name,
                                            ext4::Attributes attributes);
  absl::StatusOr<ext4::Inode*> AddSymlink(ext4::Inode* parent, const std::string& name,
                                          const std::string& target, ext4::Attributes attributes);
  // A character or block device, fifo or socket.
  absl::StatusOr<ext4::Inode*> AddSpecial(ext4::Inode* parent, const std::string& name, ext4::Type type,
                                          std::uint32_t device_major, std::uint32_t device_minor,
                                          ext4::Attributes attributes);
  // Another name for anything but a directory.
  absl::Status AddHardLink(ext4::Inode* parent, const std::string& name, ext4::Inode* inode);

  // One file at a time: Begin, Write with growing offsets (gaps become holes), End
  // with the file's size. RESOURCE_EXHAUSTED when the disk is full.
  absl::StatusOr<ext4::Inode*> BeginFile(ext4::Inode* parent, const std::string& name,
                                         ext4::Attributes attributes);
  absl::Status WriteFile(std::int64_t offset, absl::string_view data);
  absl::Status EndFile(std::int64_t size);

  absl::Status SetAttributes(ext4::Inode* inode, ext4::Attributes attributes);

  // Entries know in which generation they were made or last touched, so that one
  // can be told from what was there before it. The first is 0; each Begin is the
  // next one, at most 65535.
  void BeginGeneration() { ++generation_; }
  void Touch(ext4::Inode* parent, const std::string& name);
  bool IsOfThisGeneration(const ext4::Inode* parent, const std::string& name) const;

  // Takes the entry away, a directory with all that is in it. What has no name
  // left gives its space back.
  void Remove(ext4::Inode* parent, const std::string& name);

  // Of all contents, in whole blocks; what the caller needs to choose a size.
  std::int64_t content_bytes() const;

  // Writes everything else and flushes the file to disk. OUT_OF_RANGE when the
  // size does not hold the content, RESOURCE_EXHAUSTED when the disk is full.
  absl::Status Finish(const ext4::Options& options);

 private:
  Ext4Writer(std::filesystem::path path, std::unique_ptr<ext4::BlockStream> blocks);
  absl::StatusOr<ext4::Inode*> Add(ext4::Inode* parent, const std::string& name, ext4::Type type,
                                   ext4::Attributes attributes);
  void DropName(ext4::Inode* inode, std::vector<ext4::Inode*>& doomed);
  absl::Status AppendToFile(absl::string_view data);

  std::filesystem::path path_;  // empty once finished or moved from
  std::unique_ptr<ext4::BlockStream> blocks_;
  std::unique_ptr<ext4::InodeArena> inodes_;
  std::unique_ptr<ext4::NameArena> names_;
  std::uint16_t generation_ = 0;
  ext4::Inode* root_ = nullptr;
  ext4::Inode* open_file_ = nullptr;
  std::int64_t position_ = 0;  // in the open file
  std::int64_t live_blocks_ = 0;
};

// An empty file system (lost+found only), in milliseconds whatever its size.
// `path` must not exist; nothing is left there after an error.
absl::Status MakeEmptyExt4(const std::filesystem::path& path, const ext4::Options& options);

}  // namespace banger
