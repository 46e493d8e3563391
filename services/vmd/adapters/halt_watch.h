#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger::vmd {

// What the kernel's last line says of how the machine ended.
enum class LastWord { kNone, kHalted, kRestarting };

// The last line of this run in the console log, which begins at `begin`.
LastWord ReadLastWord(const std::filesystem::path& console_log, std::int64_t begin);

// Firecracker's machine cannot switch itself off: a guest that powers off stands
// still for ever, and only its console tells. This follows the console and calls
// `on_halt`, from a thread of its own and at most once.
class HaltWatch {
 public:
  static absl::StatusOr<std::unique_ptr<HaltWatch>> Start(const std::filesystem::path& console_log,
                                                          std::int64_t begin, std::function<void()> on_halt);
  ~HaltWatch() = default;

 private:
  HaltWatch() = default;
  std::jthread thread_;
};

}  // namespace banger::vmd
