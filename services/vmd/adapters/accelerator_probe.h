#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/sync/single_flight.h"
#include "services/vmd/adapters/qemu_argv.h"

namespace banger::vmd {

// Decides between KVM and emulation. A /dev/kvm that opens is no proof: nested
// or paravirtual ones fail with ordinary kernels, late and in odd ways. So the
// very kernel is booted under KVM with nothing to mount, and must panic and end
// in good order. The answer is kept in the cache directory for this kernel, this
// QEMU and this boot of the host. Thread-safe.
class AcceleratorProbe {
 public:
  // `vmm` is the configuration's: auto, qemu, qemu-kvm, qemu-tcg.
  AcceleratorProbe(std::string vmm, const std::filesystem::path& cache_dir)
      : vmm_(std::move(vmm)), cache_file_(cache_dir / "kvm-probe.json") {}

  // FAILED_PRECONDITION when qemu-kvm is demanded and /dev/kvm cannot be used.
  absl::StatusOr<Accelerator> Choose(const std::filesystem::path& qemu, const std::filesystem::path& vmlinux,
                                     const std::stop_token& stop);

 private:
  absl::StatusOr<bool> KvmRuns(const std::filesystem::path& qemu, const std::filesystem::path& vmlinux,
                               const std::stop_token& stop);
  std::optional<bool> Remembered(const std::string& key) const;
  void Remember(const std::string& key, bool runs) const;

  const std::string vmm_;
  const std::filesystem::path cache_file_;
  SingleFlight<bool> probes_;
};

}  // namespace banger::vmd
