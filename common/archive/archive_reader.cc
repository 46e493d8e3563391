#include "common/archive/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/archive/archive_path.h"
#include "common/archive/posix_acl.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

constexpr std::size_t kReadSize = 256 << 10;

// libarchive converts names between charsets by the thread's locale. In a UTF-8
// one it also normalizes pax names to NFC, which changes them; in "C" it gives
// up with a warning and hands out the very bytes of the archive.
class ScopedByteNames {
 public:
  ScopedByteNames() : previous_(::uselocale(CLocale())) {}
  ~ScopedByteNames() { ::uselocale(previous_); }
  ScopedByteNames(const ScopedByteNames&) = delete;
  ScopedByteNames& operator=(const ScopedByteNames&) = delete;

 private:
  static locale_t CLocale() {
    static const locale_t locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
    return locale;
  }

  locale_t previous_;
};

std::string Text(const char* text) { return text == nullptr ? std::string() : std::string(text); }

absl::StatusOr<ArchiveEntry::Type> TypeOf(archive_entry* entry, const std::string& path) {
  if (archive_entry_hardlink(entry) != nullptr) return ArchiveEntry::Type::kHardLink;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return ArchiveEntry::Type::kFile;
    case AE_IFDIR:
      return ArchiveEntry::Type::kDirectory;
    case AE_IFLNK:
      return ArchiveEntry::Type::kSymlink;
    case AE_IFCHR:
      return ArchiveEntry::Type::kCharDevice;
    case AE_IFBLK:
      return ArchiveEntry::Type::kBlockDevice;
    case AE_IFIFO:
      return ArchiveEntry::Type::kFifo;
    case AE_IFSOCK:
      return ArchiveEntry::Type::kSocket;
    default:
      return absl::DataLossError(
          absl::StrCat("member '", PrintableArchivePath(path), "' is of no known type"));
  }
}

std::map<std::string, std::string> XattrsOf(archive_entry* entry) {
  std::map<std::string, std::string> xattrs;
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
    xattrs[Text(name)].assign(static_cast<const char*>(value), size);
  return xattrs;
}

absl::Status TakeAcls(archive_entry* from, ArchiveEntry& entry) {
  const absl::StatusOr<PosixAcls> acls = PosixAclsOf(from);
  if (!acls.ok())
    return absl::DataLossError(
        absl::StrCat("member '", PrintableArchivePath(entry.path), "': ", acls.status().message()));
  if (!acls->access.empty()) entry.xattrs.emplace("system.posix_acl_access", acls->access);
  if (!acls->default_.empty()) entry.xattrs.emplace("system.posix_acl_default", acls->default_);
  if (acls->mask >= 0) entry.mode = (entry.mode & ~070U) | static_cast<std::uint32_t>(acls->mask) << 3;
  return absl::OkStatus();
}

absl::StatusOr<ArchiveEntry> Convert(archive_entry* from) {
  ArchiveEntry entry;
  entry.path = Text(archive_entry_pathname(from));
  BANGER_ASSIGN_OR_RETURN(entry.type, TypeOf(from, entry.path));
  entry.mode = archive_entry_perm(from);
  const std::int64_t uid = archive_entry_uid(from);
  const std::int64_t gid = archive_entry_gid(from);
  entry.size = archive_entry_size(from);
  if (uid < 0 || gid < 0 || entry.size < 0) {
    return absl::DataLossError(
        absl::StrCat("member '", PrintableArchivePath(entry.path), "' has a negative size or owner"));
  }
  entry.uid = static_cast<std::uint64_t>(uid);
  entry.gid = static_cast<std::uint64_t>(gid);
  entry.mtime_seconds = archive_entry_mtime(from);
  entry.mtime_nanoseconds = static_cast<std::int32_t>(archive_entry_mtime_nsec(from));
  // libarchive takes "-1.25" apart into -1 and 0.25.
  if (entry.mtime_seconds < 0 && entry.mtime_nanoseconds > 0) {
    --entry.mtime_seconds;
    entry.mtime_nanoseconds = 1000000000 - entry.mtime_nanoseconds;
  }
  entry.link_target = Text(entry.type == ArchiveEntry::Type::kHardLink ? archive_entry_hardlink(from)
                                                                       : archive_entry_symlink(from));
  entry.xattrs = XattrsOf(from);
  BANGER_RETURN_IF_ERROR(TakeAcls(from, entry));
  entry.device_major = static_cast<std::uint32_t>(archive_entry_rdevmajor(from));
  entry.device_minor = static_cast<std::uint32_t>(archive_entry_rdevminor(from));
  return entry;
}

}  // namespace

struct ArchiveReader::Impl {
  Impl(ByteSource& input, const ArchiveLimits& caps)
      : source(input), limits(caps), handle(archive_read_new()), buffer(kReadSize) {}
  ~Impl() { archive_read_free(handle); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  static la_ssize_t Fill(archive* handle, void* self, const void** data) {
    auto* impl = static_cast<Impl*>(self);
    const absl::StatusOr<std::size_t> count = impl->source.Read(impl->buffer);
    if (!count.ok()) {
      impl->source_error = count.status();
      archive_set_error(handle, EIO, "source failed");
      return -1;
    }
    *data = impl->buffer.data();
    const absl::string_view given(impl->buffer.data(), *count);
    const std::size_t last = given.find_last_not_of('\0');
    if (last != absl::string_view::npos) impl->data_end = impl->given + static_cast<std::int64_t>(last) + 1;
    impl->given += static_cast<std::int64_t>(*count);
    return static_cast<la_ssize_t>(*count);
  }

  // What stopped libarchive, in our words.
  absl::Status Error() const {
    if (!source_error.ok()) return source_error;
    return absl::DataLossError(absl::StrCat("not a valid archive: ", Text(archive_error_string(handle))));
  }

  ByteSource& source;
  const ArchiveLimits limits;
  archive* handle;
  std::vector<char> buffer;
  absl::Status source_error;
  std::stop_token stop;
  std::int64_t given = 0;     // bytes to libarchive
  std::int64_t data_end = 0;  // behind the last of them that is not zero
  bool sized = true;          // entries tell their size
  std::int64_t entries = 0;
  std::int64_t bytes = 0;
  bool in_entry = false;  // which may have more to read
  std::int64_t entry_size = 0;
  std::int64_t entry_position = 0;  // end of the last piece
};

ArchiveReader::ArchiveReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ArchiveReader::ArchiveReader(ArchiveReader&&) noexcept = default;
ArchiveReader& ArchiveReader::operator=(ArchiveReader&&) noexcept = default;
ArchiveReader::~ArchiveReader() = default;

void ArchiveReader::StopOn(std::stop_token stop) { impl_->stop = std::move(stop); }

absl::Status ArchiveReader::CheckStopped() const {
  return impl_->stop.stop_requested() ? absl::CancelledError("stopped") : absl::OkStatus();
}

absl::StatusOr<ArchiveReader> ArchiveReader::OpenPlainTar(ByteSource& source, const ArchiveLimits& limits) {
  return Open(source, limits, [](archive* handle) { archive_read_support_format_tar(handle); });
}

absl::StatusOr<ArchiveReader> ArchiveReader::Open(ByteSource& source, const ArchiveLimits& limits,
                                                  void (*support)(archive*), bool sized) {
  auto impl = std::make_unique<Impl>(source, limits);
  archive* handle = impl->handle;
  support(handle);
  impl->sized = sized;
  const ScopedByteNames byte_names;
  if (archive_read_open(handle, impl.get(), nullptr, Impl::Fill, nullptr) != ARCHIVE_OK) return impl->Error();
  return ArchiveReader(std::move(impl));
}

absl::StatusOr<std::optional<ArchiveEntry>> ArchiveReader::Next() {
  // By pieces: libarchive's own skipping cannot be stopped.
  while (impl_->in_entry) BANGER_RETURN_IF_ERROR(ReadBlock().status());
  BANGER_RETURN_IF_ERROR(CheckStopped());
  const ScopedByteNames byte_names;
  archive_entry* found = nullptr;
  const int result = archive_read_next_header(impl_->handle, &found);
  if (result == ARCHIVE_EOF) return std::nullopt;
  // The one warning that is no damage is that a name has bytes beyond ASCII.
  if (result == ARCHIVE_WARN &&
      !absl::EndsWith(Text(archive_error_string(impl_->handle)), "to current locale."))
    return impl_->Error();
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return impl_->Error();
  BANGER_ASSIGN_OR_RETURN(ArchiveEntry entry, Convert(found));
  if (++impl_->entries > impl_->limits.max_entries) {
    return absl::ResourceExhaustedError(
        absl::StrCat("archive has more than ", impl_->limits.max_entries, " members"));
  }
  if (entry.size > impl_->limits.max_bytes - impl_->bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("archive unpacks to more than ", impl_->limits.max_bytes, " bytes"));
  }
  impl_->bytes += entry.size;
  impl_->entry_size = entry.size;
  impl_->entry_position = 0;
  impl_->in_entry = true;
  return std::optional<ArchiveEntry>(std::move(entry));
}

// Without a filter of its own, libarchive's first one counts the bytes that the
// format has taken.
bool ArchiveReader::HasTrailingData() const {
  return impl_->data_end > archive_filter_bytes(impl_->handle, 0);
}

absl::StatusOr<std::optional<ArchiveReader::Block>> ArchiveReader::ReadBlock() {
  const void* data = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  do {
    BANGER_RETURN_IF_ERROR(CheckStopped());
    const int result = archive_read_data_block(impl_->handle, &data, &size, &offset);
    impl_->in_entry = result == ARCHIVE_OK;
    if (result == ARCHIVE_EOF) return std::nullopt;
    if (result != ARCHIVE_OK) return impl_->Error();
  } while (size == 0);
  const std::int64_t end = offset + static_cast<std::int64_t>(size);
  if (impl_->sized && (offset < impl_->entry_position || end > impl_->entry_size))
    return absl::DataLossError("not a valid archive: a member's sparse map is out of order");
  if (end > impl_->limits.max_bytes)
    return absl::ResourceExhaustedError(
        absl::StrCat("stream unpacks to more than ", impl_->limits.max_bytes, " bytes"));
  impl_->entry_position = end;
  return std::optional<Block>(Block{offset, absl::string_view(static_cast<const char*>(data), size)});
}

std::int64_t ArchiveReader::entry_size() const { return impl_->entry_size; }

absl::StatusOr<std::size_t> EntrySource::Read(std::span<char> buffer) {
  if (buffer.empty()) return 0;
  BANGER_RETURN_IF_ERROR(reader_.CheckStopped());
  if (block_.data.empty()) {
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveReader::Block> next, reader_.ReadBlock());
    // What is missing at the end is a hole, too.
    block_ = next.value_or(ArchiveReader::Block{std::max(reader_.entry_size(), position_), {}});
  }
  if (position_ < block_.offset) {
    const auto hole = static_cast<std::uint64_t>(block_.offset - position_);
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(hole, buffer.size()));
    std::fill_n(buffer.data(), count, '\0');
    position_ += static_cast<std::int64_t>(count);
    return count;
  }
  const std::size_t count = std::min(buffer.size(), block_.data.size());
  std::copy_n(block_.data.data(), count, buffer.data());
  block_.data.remove_prefix(count);
  block_.offset += static_cast<std::int64_t>(count);
  position_ += static_cast<std::int64_t>(count);
  return count;
}

absl::StatusOr<std::string> ReadAll(ByteSource& source, std::size_t max_bytes) {
  std::string all;
  std::array<char, 16384> buffer;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
    if (count == 0) return all;
    if (count > max_bytes - all.size())
      return absl::ResourceExhaustedError(absl::StrCat("more than ", max_bytes, " bytes"));
    all.append(buffer.data(), count);
  }
}

absl::Status CheckPadding(const ArchiveReader& tar, ByteSource& rest) {
  constexpr std::size_t kMaxPadding = 1 << 20;
  const absl::StatusOr<std::string> padding = ReadAll(rest, kMaxPadding);
  if (absl::IsResourceExhausted(padding.status()))
    return absl::InvalidArgumentError("there are more bytes behind the tar");
  BANGER_RETURN_IF_ERROR(padding.status());
  if (tar.HasTrailingData() || padding->find_first_not_of('\0') != std::string::npos)
    return absl::InvalidArgumentError("there are other bytes behind the tar");
  return absl::OkStatus();
}

}  // namespace banger
