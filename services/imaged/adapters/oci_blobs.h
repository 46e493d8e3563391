#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/archive/archive_reader.h"
#include "common/archive/byte_source.h"
#include "common/os/temp_dir.h"
#include "common/os/unique_fd.h"
#include "services/imaged/adapters/oci_image.h"

namespace banger::imaged {

// The blobs of an OCI image layout, spooled because an archive has them in any
// order. Each has been checked against the digest that is its name.
class OciBlobs final : public OciDocuments {
 public:
  // Takes in a tar of a layout, in a directory of its own below `parent`.
  // DIGEST_MISMATCH for a blob that is not what it is named; ARCHIVE_REFUSED
  // for a tar that is no layout.
  static absl::StatusOr<OciBlobs> Spool(ByteSource& source, const std::filesystem::path& parent,
                                        const ArchiveLimits& limits, const std::stop_token& stop);

  // The text of index.json.
  const std::string& index() const { return index_; }

  // IMAGE_CORRUPT when the layout lacks the blob or it has another size.
  absl::StatusOr<UniqueFd> Open(const Descriptor& blob) const;

  absl::StatusOr<std::string> Read(const Descriptor& document) override;

 private:
  explicit OciBlobs(TempDir directory) : directory_(std::move(directory)) {}
  absl::Status Take(ArchiveReader& reader, const ArchiveEntry& entry);
  absl::Status SpoolBlob(ArchiveReader& reader, const std::string& digest);

  TempDir directory_;
  std::string index_;
};

}  // namespace banger::imaged
