// Images as files to take elsewhere. The same image gives the same bytes.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/sync/progress.h"
#include "services/imaged/core/image.h"

namespace banger::imaged {

struct ExportJob {
  const Image& image;
  std::filesystem::path rootfs;   // of the image
  std::filesystem::path scratch;  // an empty directory on the store's disk
  ProgressFn progress;
  std::stop_token stop;
};

using ExportSink = std::function<absl::Status(absl::string_view)>;

// A tar of an OCI image layout with one layer, read out of the file system in one
// pass. The layer, whose digest stands before it, waits in `scratch` meanwhile.
absl::Status ExportOciArchive(const ExportJob& job, const ExportSink& sink);

// A tar.zst of rootfs.ext4, its holes left out, and manifest.json.
absl::Status ExportBundle(const ExportJob& job, const ExportSink& sink);

}  // namespace banger::imaged
