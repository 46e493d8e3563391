#pragma once

#include <filesystem>

#include "cli/system/systemd.h"
#include "cli/update/update.h"

namespace banger::cli {

// This host, whose systemd runs the installation below `prefix`. Nothing here is stopped by
// an interrupt: what was begun is to be decided.
class SystemdHost final : public UpdateHost {
 public:
  explicit SystemdHost(const std::filesystem::path& prefix) : prefix_(prefix) {}

  absl::Status StopDaemons() override;
  absl::Status StartDaemons() override;
  absl::Status CheckBuild(const std::string& version, const std::string& commit) override;

 private:
  const std::filesystem::path prefix_;
  const Systemd systemd_{"/"};
};

}  // namespace banger::cli
