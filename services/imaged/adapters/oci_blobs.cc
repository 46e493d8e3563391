#include "services/imaged/adapters/oci_blobs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/archive/archive_path.h"
#include "common/oci/digest.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/build_root.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

// "sha256:..." of "blobs/sha256/..."; empty for what is no blob.
std::string DigestOfMember(absl::string_view path) {
  if (!absl::ConsumePrefix(&path, "blobs/")) return {};
  const std::string digest = absl::StrReplaceAll(path, {{"/", ":"}});
  return oci::IsDigest(digest) ? digest : std::string();
}

absl::Status Written(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? DiskFull(status.message()) : status;
}

}  // namespace

absl::StatusOr<OciBlobs> OciBlobs::Spool(ByteSource& source, const std::filesystem::path& parent,
                                         const ArchiveLimits& limits, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(TempDir directory, TempDir::Create(parent));
  OciBlobs blobs(std::move(directory));
  absl::StatusOr<ArchiveReader> reader = ArchiveReader::OpenTar(source, limits);
  BANGER_RETURN_IF_ERROR(AsArchiveError(reader.status()));
  reader->StopOn(stop);
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
  const std::string digest = DigestOfMember(*path);
  if (digest.empty() && *path != "index.json") return absl::OkStatus();
  if (entry.type != ArchiveEntry::Type::kFile) return MemberRefused(*path, "is not a regular file");
  if (!digest.empty()) return SpoolBlob(reader, digest);
  EntrySource text(reader);
  BANGER_ASSIGN_OR_RETURN(index_, ReadAll(text, kMaxOciDocument));
  return absl::OkStatus();
}

absl::Status OciBlobs::SpoolBlob(ArchiveReader& reader, const std::string& digest) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd file,
                          OpenFile(directory_.path() / digest, O_WRONLY | O_CREAT | O_TRUNC));
  BANGER_ASSIGN_OR_RETURN(oci::Digester digester, oci::Digester::For(digest));
  EntrySource source(reader);
  std::string buffer(256 << 10, '\0');
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
    if (count == 0) break;
    const absl::string_view bytes(buffer.data(), count);
    digester.Update(bytes);
    BANGER_RETURN_IF_ERROR(Written(WriteFully(file.get(), bytes)));
  }
  const std::string actual = digester.Digest();
  if (actual != digest) return DigestMismatch(absl::StrCat("blob '", digest, "'"), digest, actual);
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OciBlobs::Open(const Descriptor& blob) const {
  if (!oci::IsDigest(blob.digest))
    return ImageCorrupt(absl::StrCat("'", PrintableArchivePath(blob.digest), "' is no digest"));
  absl::StatusOr<UniqueFd> file = OpenFile(directory_.path() / blob.digest, O_RDONLY);
  if (absl::IsNotFound(file.status()))
    return ImageCorrupt(absl::StrCat("the layout lacks blob ", blob.digest));
  BANGER_RETURN_IF_ERROR(file.status());
  struct stat info {};
  if (::fstat(file->get(), &info) != 0) return ErrnoError(errno, absl::StrCat("stat blob ", blob.digest));
  if (info.st_size != blob.size)
    return ImageCorrupt(
        absl::StrCat("blob ", blob.digest, " has ", info.st_size, " bytes, its descriptor says ", blob.size));
  return file;
}

absl::StatusOr<std::string> OciBlobs::Read(const Descriptor& document) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd file, Open(document));
  FdSource source(file.get());
  absl::StatusOr<std::string> text = ReadAll(source, kMaxOciDocument);
  if (absl::IsResourceExhausted(text.status()))
    return ImageCorrupt(absl::StrCat("blob ", document.digest, " is too large"));
  return text;
}

}  // namespace banger::imaged
