#include "cli/system/refresh.h"

#include "cli/system/host_files.h"
#include "common/status/status_macros.h"

namespace banger::cli {

absl::StatusOr<std::vector<std::filesystem::path>> RefreshUnits(const std::filesystem::path& prefix,
                                                                const Systemd& systemd,
                                                                const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const auto written, WriteUnits(prefix, systemd.root()));
  BANGER_RETURN_IF_ERROR(systemd.Run("systemd-sysusers", {"banger.conf"}, stop).status());
  BANGER_RETURN_IF_ERROR(systemd.Run("systemd-tmpfiles", {"--create", "banger.conf"}, stop).status());
  if (!systemd.offline()) BANGER_RETURN_IF_ERROR(systemd.Run("systemctl", {"daemon-reload"}, stop).status());
  return written;
}

}  // namespace banger::cli
