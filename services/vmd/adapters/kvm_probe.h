#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/sync/single_flight.h"

namespace banger::vmd {

// Whether /dev/kvm can be opened; which proves nothing.
bool CanOpenKvm();

// A VMM's command that boots `vmlinux` under KVM with nothing to mount and its
// console on stdout.
struct KvmTrial {
  std::vector<std::string> argv;
  std::string input;
  std::filesystem::path program;  // the VMM
  std::filesystem::path vmlinux;
};

// Finds out whether KVM runs a kernel. A /dev/kvm that opens is no proof: nested
// or paravirtual ones fail with ordinary kernels, late and in odd ways. So the
// very kernel is booted, and must panic, for lack of a root, and end in good order.
// The answer is kept in the cache directory for this kernel, this VMM and this boot
// of the host. Thread-safe.
class KvmProbe {
 public:
  // VMMs are tried as they run, confined by `launcher` (banger-confine).
  KvmProbe(const std::filesystem::path& cache_dir, std::filesystem::path launcher)
      : cache_file_(cache_dir / "kvm-probe.json"), launcher_(std::move(launcher)) {}

  // False at once where /dev/kvm cannot be opened.
  absl::StatusOr<bool> Runs(const KvmTrial& trial, const std::stop_token& stop);

 private:
  std::optional<bool> Remembered(const std::string& key) const;
  void Remember(const std::string& key, bool runs) const;

  absl::StatusOr<bool> Try(const KvmTrial& trial, const std::stop_token& stop) const;

  const std::filesystem::path cache_file_;
  const std::filesystem::path launcher_;
  SingleFlight<bool> probes_;
};

}  // namespace banger::vmd
