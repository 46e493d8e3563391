#include "cli/doctor/layout.h"

#include <cstdlib>
#include <system_error>

#include "cli/system/host_files.h"
#include "common/config/system_paths.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

absl::StatusOr<Layout> FindLayout() {
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path socket, FindGatewaySocket());
  BANGER_ASSIGN_OR_RETURN(const Paths paths, FindPaths());
  const Paths system = SystemPaths();
  const std::filesystem::path of_system = system.Socket("gateway");
  std::error_code error;
  const bool chosen = IsSet("BANGER_ROOT") || IsSet("BANGER_SOCKET");
  const bool never_came_up = !chosen && !std::filesystem::exists(socket, error) && HasUnits("/");
  if (socket == of_system || never_came_up)
    return Layout{.paths = system, .socket = of_system, .is_system = true};
  return Layout{.paths = paths, .socket = socket};
}

}  // namespace banger::cli
