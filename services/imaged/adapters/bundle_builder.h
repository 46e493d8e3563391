#pragma once

#include <filesystem>

#include "common/archive/archive_reader.h"
#include "common/archive/byte_source.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// Takes an image out of a bundle: a tar.zst of exactly rootfs.ext4, a ready file
// system, and manifest.json, which may say how to run in it. All else is refused
// by its name: other members, other types, twice the same, bytes behind the end.
// The source must outlive it.
class BundleBuilder final : public RootfsBuilder {
 public:
  explicit BundleBuilder(ByteSource& source, const ArchiveLimits& limits = {})
      : source_(source), limits_(limits) {}

  absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                    const std::stop_token& stop) override;

 private:
  ByteSource& source_;
  const ArchiveLimits limits_;
};

// Takes a ready ext4 file system as it comes.
class Ext4Builder final : public RootfsBuilder {
 public:
  explicit Ext4Builder(ByteSource& source, const ArchiveLimits& limits = {})
      : source_(source), limits_(limits) {}

  absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                    const std::stop_token& stop) override;

 private:
  ByteSource& source_;
  const ArchiveLimits limits_;
};

}  // namespace banger::imaged
