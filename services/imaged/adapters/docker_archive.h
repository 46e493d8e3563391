#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <utility>

#include "common/archive/archive_reader.h"
#include "common/archive/byte_source.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// Makes a root file system from what docker save writes: a manifest.json that
// names configs and layers, which stand beside it in any order, in directories of
// their own (layers may be symlinks to others), by their digests, or as blobs of
// an OCI layout. Each layer is checked against the config's diff_id. The source
// must outlive it.
class DockerArchiveBuilder final : public RootfsBuilder {
 public:
  // `reference` is one of the archive's names ("app:v1"), empty for the only image;
  // `arch` as uname -m says it.
  DockerArchiveBuilder(ByteSource& source, std::string reference, std::string arch,
                       const ArchiveLimits& limits = {})
      : source_(source), reference_(std::move(reference)), arch_(std::move(arch)), limits_(limits) {}

  absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                    const std::stop_token& stop) override;

 private:
  ByteSource& source_;
  const std::string reference_;
  const std::string arch_;
  const ArchiveLimits limits_;
};

}  // namespace banger::imaged
