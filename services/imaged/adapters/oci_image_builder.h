#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <utility>

#include "common/archive/archive_reader.h"
#include "common/archive/byte_source.h"
#include "services/imaged/adapters/oci_image.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// Makes a root file system out of an OCI image's layers, one over the other. Each
// is unpacked and checked on a thread of its own, ahead of what is written, and
// while its blob still arrives.
class OciImageBuilder final : public RootfsBuilder {
 public:
  // The blob of the layer at that index. Called once for each, in order, on
  // another thread; also for the next one while a layer is still being read. Both
  // it and a Read of the blob have to return soon after the stop.
  using OpenLayer = std::function<absl::StatusOr<std::unique_ptr<ByteSource>>(std::size_t index,
                                                                              const std::stop_token& stop)>;

  // The limits are those of each layer.
  OciImageBuilder(OciImage image, OpenLayer open, const ArchiveLimits& limits = {})
      : image_(std::move(image)), open_(std::move(open)), limits_(limits) {}

  absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                    const std::stop_token& stop) override;

 private:
  // None behind the last layer.
  absl::StatusOr<std::unique_ptr<ByteSource>> Unpack(std::size_t index, const std::stop_token& stop) const;

  const OciImage image_;
  const OpenLayer open_;
  const ArchiveLimits limits_;
};

}  // namespace banger::imaged
