#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace banger::agent {

// The VM's disks as device paths. Known by the serial number that vmd gives
// them (banger-image, banger-upper, banger-work), else by their place:
// vda agent, vdb image, vdc upper, vdd work.
struct Disks {
  std::string image;
  std::string upper;
  std::string work;
};

// Waits up to 10 s for all three; NOT_FOUND names the one that is missing.
absl::StatusOr<Disks> FindDisks(const std::filesystem::path& sys = "/sys/block");

}  // namespace banger::agent
