#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::kerneld {

// A 64-bit little-endian ELF file in memory, which must outlive it. Every
// offset in it is hostile; nothing outside the bytes is ever read.
class ElfFile {
 public:
  // DATA_LOSS (KERNEL_CORRUPT) when it is no such file.
  static absl::StatusOr<ElfFile> Parse(absl::string_view bytes);

  // EM_*.
  std::uint16_t machine() const { return machine_; }

  // The content of the first section of that name.
  std::optional<absl::string_view> FindSection(absl::string_view name) const;

  // KERNEL_CORRUPT unless there is a loadable segment and all lie in the file.
  absl::Status CheckSegments() const;

  // Whether a PT_NOTE segment has a note of that owner and type.
  bool HasNote(absl::string_view owner, std::uint32_t type) const;

 private:
  explicit ElfFile(absl::string_view bytes) : bytes_(bytes) {}

  absl::string_view bytes_;
  std::uint16_t machine_ = 0;
};

}  // namespace banger::kerneld
