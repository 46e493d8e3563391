#include "services/imaged/adapters/oci_blobs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/archive/archive_path.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/build_root.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

constexpr std::size_t kMaxTextBytes = 4 << 20;

bool IsSha256Hex(absl::string_view hex) {
  return hex.size() == 64 && std::all_of(hex.begin(), hex.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

absl::Status Written(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? DiskFull(status.message()) : status;
}

}  // namespace

absl::StatusOr<OciBlobs> OciBlobs::Spool(ByteSource& source, const std::filesystem::path& parent,
                                         const ArchiveLimits& limits) {
  BANGER_ASSIGN_OR_RETURN(TempDir directory, TempDir::Create(parent));
  OciBlobs blobs(std::move(directory));
  absl::StatusOr<ArchiveReader> reader = ArchiveReader::OpenTar(source, limits);
  BANGER_RETURN_IF_ERROR(AsArchiveError(reader.status()));
  for (;;) {
    const absl::StatusOr<std::optional<ArchiveEntry>> entry = reader->Next();
    BANGER_RETURN_IF_ERROR(AsArchiveError(entry.status()));
    if (!*entry) break;
    BANGER_RETURN_IF_ERROR(AsArchiveError(blobs.Take(*reader, **entry)));
  }
  BANGER_RETURN_IF_ERROR(Drain(source));
  if (blobs.index_.empty()) return ArchiveRefused("the archive is no OCI image layout: it has no index.json");
  return blobs;
}

// What is neither blob nor index is not needed.
absl::Status OciBlobs::Take(ArchiveReader& reader, const ArchiveEntry& entry) {
  const absl::StatusOr<std::string> path = NormalizeArchivePath(entry.path);
  if (!path.ok()) return MemberRefused(PrintableArchivePath(entry.path), path.status().message());
  absl::string_view hex = *path;
  const bool is_blob = absl::ConsumePrefix(&hex, "blobs/sha256/") && IsSha256Hex(hex);
  if (!is_blob && *path != "index.json") return absl::OkStatus();
  if (entry.type != ArchiveEntry::Type::kFile) return MemberRefused(*path, "is not a regular file");
  if (is_blob) return SpoolBlob(reader, std::string(hex));
  EntrySource text(reader);
  BANGER_ASSIGN_OR_RETURN(index_, ReadAll(text, kMaxTextBytes));
  return absl::OkStatus();
}

absl::Status OciBlobs::SpoolBlob(ArchiveReader& reader, const std::string& hex) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd file,
                          OpenFile(directory_.path() / hex, O_WRONLY | O_CREAT | O_TRUNC));
  Sha256 digest;
  EntrySource source(reader);
  std::string buffer(256 << 10, '\0');
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
    if (count == 0) break;
    const absl::string_view bytes(buffer.data(), count);
    digest.Update(bytes);
    BANGER_RETURN_IF_ERROR(Written(WriteFully(file.get(), bytes)));
  }
  const std::string actual = digest.HexDigest();
  if (actual != hex)
    return DigestMismatch(absl::StrCat("blob '", hex, "'"), absl::StrCat("sha256:", hex),
                          absl::StrCat("sha256:", actual));
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OciBlobs::Open(const std::string& digest, std::int64_t size) const {
  absl::string_view hex = digest;
  if (!absl::ConsumePrefix(&hex, "sha256:") || !IsSha256Hex(hex))
    return ImageCorrupt(absl::StrCat("'", PrintableArchivePath(digest), "' is no SHA-256 digest"));
  absl::StatusOr<UniqueFd> file = OpenFile(directory_.path() / std::string(hex), O_RDONLY);
  if (absl::IsNotFound(file.status())) return ImageCorrupt(absl::StrCat("the layout lacks blob ", digest));
  BANGER_RETURN_IF_ERROR(file.status());
  struct stat info {};
  if (::fstat(file->get(), &info) != 0) return ErrnoError(errno, absl::StrCat("stat blob ", digest));
  if (info.st_size != size)
    return ImageCorrupt(
        absl::StrCat("blob ", digest, " has ", info.st_size, " bytes, its descriptor says ", size));
  return file;
}

absl::StatusOr<std::string> OciBlobs::Read(const std::string& digest, std::int64_t size) const {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd file, Open(digest, size));
  FdSource source(file.get());
  absl::StatusOr<std::string> text = ReadAll(source, kMaxTextBytes);
  if (absl::IsResourceExhausted(text.status()))
    return ImageCorrupt(absl::StrCat("blob ", digest, " is too large"));
  return text;
}

}  // namespace banger::imaged
