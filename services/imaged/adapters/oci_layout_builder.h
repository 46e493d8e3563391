#pragma once

#include <filesystem>
#include <string>

#include "common/archive/archive_reader.h"
#include "common/archive/byte_source.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// Makes a root file system from a tar of an OCI image layout: its layers, one
// over the other. The source must outlive it.
class OciLayoutBuilder final : public RootfsBuilder {
 public:
  // `reference` is a tag, empty for the only image; `arch` as uname -m says it.
  OciLayoutBuilder(ByteSource& source, std::string reference, std::string arch,
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
