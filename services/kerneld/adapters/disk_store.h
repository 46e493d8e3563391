#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/kerneld/core/ports.h"

namespace banger::kerneld {

// Kernels as <root>/<id>/{vmlinux, initrd.img?, modules/?, manifest.json}. The
// disk is the only truth: whatever has that shape is a kernel, whoever put it
// there. What is being made lies in <root>/.staging.
class DiskStore final : public KernelStore {
 public:
  // Makes the directory when needed, and removes what an earlier run left half
  // made: the caller holds the lock that says it is the only one.
  static absl::StatusOr<std::unique_ptr<DiskStore>> Open(const std::filesystem::path& root);

  absl::StatusOr<std::vector<KernelFiles>> List() override;
  absl::StatusOr<KernelFiles> Find(const std::string& id) override;
  bool Exists(const std::string& id) override;
  absl::StatusOr<std::unique_ptr<Staging>> Stage() override;
  absl::Status Publish(Staging& staging, const Kernel& kernel) override;
  absl::Status Remove(const std::string& id) override;

 private:
  explicit DiskStore(std::filesystem::path root) : root_(std::move(root)) {}
  std::filesystem::path staging_root() const { return root_ / ".staging"; }

  const std::filesystem::path root_;
};

}  // namespace banger::kerneld
