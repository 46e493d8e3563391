#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/process.h"

namespace banger::vmd {

// What is true of a VM only while it runs; beside the store, so that a broken
// record never makes a VM unusable. A JSON file, replaced as a whole.
struct RuntimeRecord {
  ProcessIdentity process;
  std::string vmm;                 // "qemu-tcg"
  std::int64_t console_begin = 0;  // where this run's output begins in the console log
};

absl::Status WriteRuntimeRecord(const std::filesystem::path& path, const RuntimeRecord& record);

// NOT_FOUND when there is none, DATA_LOSS when it cannot be understood.
absl::StatusOr<RuntimeRecord> ReadRuntimeRecord(const std::filesystem::path& path);

// With what a crash left of a WriteRuntimeRecord; fine when there is nothing.
void RemoveRuntimeRecord(const std::filesystem::path& path);

}  // namespace banger::vmd
