#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "services/kerneld/core/kernel_layout.h"
#include "services/kerneld/core/ports.h"

namespace banger::kerneld {

// Unpacks packages, bundles and trees, finds the kernel in them, and makes what
// vmd boots: an ELF vmlinux, and an initrd where its drivers are modules.
class KernelImporter final : public KernelBuilder {
 public:
  // Where the program is that becomes /init of generated initrds; asked only
  // when one is made.
  using FindInit = std::function<absl::StatusOr<std::filesystem::path>()>;

  explicit KernelImporter(FindInit find_init) : find_init_(std::move(find_init)) {}

  absl::StatusOr<BuiltKernel> Build(ByteSource& source, const BuildRequest& request, const Staging& staging,
                                    const ProgressFn& progress, const std::stop_token& stop) override;

 private:
  absl::StatusOr<BuiltKernel> Assemble(const std::filesystem::path& tree, const KernelLayout& layout,
                                       const SourceMetadata& metadata, const std::string& arch,
                                       const std::filesystem::path& kernel_dir);
  absl::Status MakeInitrd(const std::filesystem::path& kernel_dir, bool image_has_virtio_blk);

  const FindInit find_init_;
};

}  // namespace banger::kerneld
