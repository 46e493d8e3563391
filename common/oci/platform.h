// Platforms as OCI names them, and which of them run where.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::oci {

struct Platform {
  std::string os;            // "linux"
  std::string architecture;  // "amd64", "arm64", "arm"
  std::string variant;       // "v7", "v3"; empty: the least that the architecture has

  // "linux/arm/v7".
  std::string ToString() const;

  friend bool operator==(const Platform&, const Platform&) = default;
};

// "os/architecture" or "os/architecture/variant". INVALID_ARGUMENT, naming it.
absl::StatusOr<Platform> ParsePlatform(absl::string_view text);

// Linux on a machine as uname -m calls it; on this host's with all that its
// processor can do.
Platform PlatformOf(const std::string& machine);

// "amd64" is "x86_64"; unknown ones stay.
std::string MachineOf(const std::string& architecture);

// How well what is made for `offered` runs on `wanted`: more is better, nothing
// if it does not.
std::optional<int> Fit(const Platform& wanted, const Platform& offered);

}  // namespace banger::oci
