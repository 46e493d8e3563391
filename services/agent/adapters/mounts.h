// mount(2) with errors that name the mount point.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace banger::agent {

struct Mount {
  std::string source;
  std::filesystem::path target;  // made when missing, 0755
  std::string type;
  unsigned long flags = 0;
  std::string options;
};

absl::Status DoMount(const Mount& mount);

// The same, and fine when something of that type is mounted there already.
absl::Status MountOnce(const Mount& mount);

// A file or directory at a second place; `to` is made of the same kind when
// missing.
absl::Status BindMount(const std::filesystem::path& from, const std::filesystem::path& to);

absl::Status MoveMount(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace banger::agent
