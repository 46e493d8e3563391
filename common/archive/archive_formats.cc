// What ArchiveReader reads beside plain tars. Apart, so that a program which needs
// nothing else (the static agent) links no decompressors.
#include <archive.h>

#include "common/archive/archive_reader.h"

namespace banger {
namespace {

// By name: "all" brings filters that run programs.
void SupportFilters(archive* handle) {
  archive_read_support_filter_gzip(handle);
  archive_read_support_filter_xz(handle);
  archive_read_support_filter_zstd(handle);
  archive_read_support_filter_lz4(handle);
  archive_read_support_filter_bzip2(handle);
  archive_read_support_filter_lzma(handle);
}

}  // namespace

absl::StatusOr<ArchiveReader> ArchiveReader::OpenTar(ByteSource& source, const ArchiveLimits& limits) {
  return Open(source, limits, [](archive* handle) {
    SupportFilters(handle);
    archive_read_support_format_tar(handle);
  });
}

absl::StatusOr<ArchiveReader> ArchiveReader::OpenAr(ByteSource& source, const ArchiveLimits& limits) {
  return Open(source, limits, [](archive* handle) {
    SupportFilters(handle);
    archive_read_support_format_ar(handle);
  });
}

absl::StatusOr<ArchiveReader> ArchiveReader::OpenCompressed(ByteSource& source, const ArchiveLimits& limits) {
  constexpr bool kSized = false;
  return Open(
      source, limits,
      [](archive* handle) {
        SupportFilters(handle);
        archive_read_support_format_raw(handle);
      },
      kSized);
}

}  // namespace banger
