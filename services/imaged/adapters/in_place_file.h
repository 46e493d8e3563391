// Root file systems that stay where their owner has them.
#pragma once

#include <filesystem>
#include <stop_token>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "common/sync/progress.h"
#include "services/imaged/adapters/sparse_file.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// Opens the file of a registered image. IMAGE_CORRUPT, naming the file, when it is
// gone or not the one that was registered.
absl::StatusOr<UniqueFd> OpenUnchanged(const InPlaceFile& file);

// "Makes" a root file system by looking at a file that a caller names, and leaves
// it alone. PATH_NOT_ALLOWED unless the path is absolute and lies below one of
// the directories, no part of it is a symlink, and the file is a regular one that
// belongs to root, this process's user or the directory's owner, with nobody else
// allowed to write to it.
class InPlaceBuilder final : public RootfsBuilder {
 public:
  InPlaceBuilder(std::filesystem::path path, std::vector<std::filesystem::path> directories)
      : path_(std::move(path)), directories_(std::move(directories)) {}

  absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                    const std::stop_token& stop) override;

 private:
  const std::filesystem::path path_;
  const std::vector<std::filesystem::path> directories_;
};

// Copies a registered file: by reflink where the file system can, else piece by
// piece, holes staying holes.
class InPlaceCopier final : public RootfsBuilder {
 public:
  InPlaceCopier(InPlaceFile file, ProgressFn progress)
      : file_(std::move(file)), progress_(std::move(progress)) {}

  absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                    const std::stop_token& stop) override;

 private:
  absl::Status CopyData(int from, SparseFile& to, const std::stop_token& stop);

  const InPlaceFile file_;
  const ProgressFn progress_;
};

}  // namespace banger::imaged
