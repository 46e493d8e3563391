// Reads an ext2, ext3 or ext4 file system out of a file: unprivileged, in
// process, through libext2fs. The file may be anybody's: what contradicts itself
// is DATA_LOSS, and symlinks are followed inside the file system only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/ext4/ext4_writer.h"

struct struct_ext2_filsys;

namespace banger {

// Not thread-safe.
class Ext4Reader {
 public:
  using Number = std::uint32_t;  // of an inode
  static constexpr Number kRoot = 2;

  struct Node {
    ext4::Type type = ext4::Type::kFile;
    ext4::Attributes attributes;
    std::uint32_t names = 0;  // hard links
    std::int64_t size = 0;    // of a file, holes included
    std::string target;       // of a symlink
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
  };

  // DATA_LOSS for what is no sound file system that a kernel can mount read-only:
  // checksums of superblock and groups, a size beyond the file's, a journal that
  // waits to be replayed, errors that a kernel noted.
  static absl::StatusOr<Ext4Reader> Open(const std::filesystem::path& path);
  Ext4Reader(Ext4Reader&& other) noexcept;
  ~Ext4Reader();

  std::int64_t size_bytes() const;

  // NOT_FOUND when there is no such path.
  absl::StatusOr<Number> Find(const std::string& path) const;

  absl::StatusOr<Node> Read(Number number) const;

  // Of a directory, sorted by name, without "." and "..".
  absl::StatusOr<std::vector<std::pair<std::string, Number>>> List(Number directory) const;

  // The pieces of a file at rising offsets, at most 1 MiB each; what lies between
  // them is a hole. The sink's error ends it.
  using Sink = std::function<absl::Status(std::int64_t offset, absl::string_view data)>;
  absl::Status ReadContent(Number file, const Sink& sink) const;

  // Where ReadContent finds something, in bytes: merged, rising, within the size.
  struct Range {
    std::int64_t offset = 0;
    std::int64_t size = 0;
  };
  absl::StatusOr<std::vector<Range>> DataRanges(Number file) const;

  // At most the first so many bytes.
  absl::StatusOr<std::string> ReadBegin(Number file, std::size_t max_bytes) const;

 private:
  explicit Ext4Reader(struct_ext2_filsys* fs) : fs_(fs) {}
  absl::Status CheckMountable(std::int64_t file_bytes) const;
  // Before libext2fs walks through it, which would not stop.
  absl::Status CheckDirectory(Number directory) const;
  absl::StatusOr<Number> Lookup(Number directory, const std::string& name) const;
  absl::Status ReadXattrs(Number number, ext4::Attributes& attributes) const;
  absl::Status Fault(long code, absl::string_view what) const;

  struct_ext2_filsys* fs_;
};

}  // namespace banger
