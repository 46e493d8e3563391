// Archives read in one pass from a stream, through libarchive.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/archive/byte_source.h"

struct archive;

namespace banger {

struct ArchiveEntry {
  enum class Type { kFile, kDirectory, kSymlink, kHardLink, kCharDevice, kBlockDevice, kFifo, kSocket };

  // The archive's own bytes, in whatever encoding: not normalized, not checked
  // (see archive_path.h).
  std::string path;
  Type type = Type::kFile;
  std::uint32_t mode = 0;  // permission, setuid, setgid and sticky bits
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::int64_t mtime_seconds = 0;
  std::int32_t mtime_nanoseconds = 0;
  std::int64_t size = 0;    // logical, holes included
  std::string link_target;  // of symlinks and hard links, as it stands there
  // POSIX ACLs among them, as Linux has them.
  std::map<std::string, std::string> xattrs;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
};

// What a reader puts up with; RESOURCE_EXHAUSTED beyond.
struct ArchiveLimits {
  std::int64_t max_entries = 1 << 20;
  // Sum of the entries' logical sizes, also of those that are skipped.
  std::int64_t max_bytes = std::int64_t{64} << 30;
};

// Pulls entries and their bytes out of a ByteSource, which must outlive it.
// Nothing is buffered beyond a block. Errors: DATA_LOSS for what is not a valid
// archive, the source's own errors as they are. Not thread-safe.
class ArchiveReader {
 public:
  // A tar (ustar, GNU, pax), plain or compressed with gzip, xz, zstd, lz4,
  // bzip2 or lzma, which is found out from the bytes.
  static absl::StatusOr<ArchiveReader> OpenTar(ByteSource& source, const ArchiveLimits& limits = {});

  // The same without any compression.
  static absl::StatusOr<ArchiveReader> OpenPlainTar(ByteSource& source, const ArchiveLimits& limits = {});

  // A Unix ar, such as a Debian package.
  static absl::StatusOr<ArchiveReader> OpenAr(ByteSource& source, const ArchiveLimits& limits = {});

  // No archive but one stream, compressed as above (lz4 also in its legacy
  // frame) or not at all: call Next() once, then read. Empty input is refused.
  static absl::StatusOr<ArchiveReader> OpenCompressed(ByteSource& source, const ArchiveLimits& limits = {});

  // From now on a stop ends Next and ReadBlock with CANCELLED, also where a few
  // bytes of the source unpack to many.
  void StopOn(std::stop_token stop);

  ArchiveReader(ArchiveReader&&) noexcept;
  ArchiveReader& operator=(ArchiveReader&&) noexcept;
  ~ArchiveReader();

  // The next entry, nothing at the end of the archive. Skips what was not read
  // of the one before.
  absl::StatusOr<std::optional<ArchiveEntry>> Next();

  // At the end of a plain tar: whether something else than zeros was read behind
  // it so far. What the source still has was not looked at.
  bool HasTrailingData() const;

  // A piece of the current entry; what lies between pieces is a hole of zeros.
  struct Block {
    std::int64_t offset = 0;
    absl::string_view data;  // valid until the next call
  };
  // The next piece in rising order, within the entry's size; nothing at its end.
  absl::StatusOr<std::optional<Block>> ReadBlock();

  // The size field of the current entry; 0 for a compressed stream.
  std::int64_t entry_size() const;

 private:
  friend class EntrySource;
  struct Impl;
  absl::Status CheckStopped() const;
  explicit ArchiveReader(std::unique_ptr<Impl> impl);
  // `support` says what to look for; `sized` that entries tell their size.
  static absl::StatusOr<ArchiveReader> Open(ByteSource& source, const ArchiveLimits& limits,
                                            void (*support)(archive*), bool sized = true);

  std::unique_ptr<Impl> impl_;
};

// The bytes of a reader's current entry, holes filled with zeros: for archives
// within archives. The reader must outlive it and stay at that entry.
class EntrySource final : public ByteSource {
 public:
  explicit EntrySource(ArchiveReader& reader) : reader_(reader) {}
  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override;

 private:
  ArchiveReader& reader_;
  ArchiveReader::Block block_;
  std::int64_t position_ = 0;
};

// The rest of a source as a string; RESOURCE_EXHAUSTED when it is longer.
absl::StatusOr<std::string> ReadAll(ByteSource& source, std::size_t max_bytes);

// What stands behind the end of a plain tar has to be padding: INVALID_ARGUMENT
// for other bytes, in what the reader has read already or in the rest of its
// source, and for more than 1 MiB of it. Reads the source to its end.
absl::Status CheckPadding(const ArchiveReader& tar, ByteSource& rest);

}  // namespace banger
