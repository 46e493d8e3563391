#pragma once

#include <filesystem>

#include "common/archive/archive_reader.h"
#include "common/archive/byte_source.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// Makes a root file system from a tar of one, in one pass over the stream. The
// source must outlive it.
class RootfsTarBuilder final : public RootfsBuilder {
 public:
  explicit RootfsTarBuilder(ByteSource& source, const ArchiveLimits& limits = {})
      : source_(source), limits_(limits) {}

  absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                    const std::stop_token& stop) override;

 private:
  ByteSource& source_;
  const ArchiveLimits limits_;
};

}  // namespace banger::imaged
