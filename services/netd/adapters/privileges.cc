#include "services/netd/adapters/privileges.h"

#include <cap-ng.h>
#include <sys/prctl.h>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "common/status/error.h"

namespace banger::netd {
namespace {

long CountThreads() {
  std::error_code error;
  const std::filesystem::directory_iterator tasks("/proc/self/task", error);
  return error ? -1 : std::distance(begin(tasks), end(tasks));
}

capng_type_t SetsOf(Keep keep) {
  const int sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED;
  return static_cast<capng_type_t>(keep == Keep::kNetAdminAlsoForPrograms ? sets | CAPNG_BOUNDING_SET : sets);
}

}  // namespace

absl::Status DropPrivileges(Keep keep) {
  if (CountThreads() != 1) return absl::FailedPreconditionError("drop privileges: there are threads already");
  if (capng_get_caps_process() != 0) return absl::InternalError("read our capabilities");
  // Who may not change the bounding set has had it set by whoever started it
  // (systemd's CapabilityBoundingSet), and no_new_privs makes it pointless.
  const bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
  const bool has_net_admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 0;
  capng_clear(CAPNG_SELECT_ALL);
  if (keep != Keep::kNothing) {
    if (!has_net_admin) return absl::PermissionDeniedError("netd needs CAP_NET_ADMIN: run it as root");
    if (capng_update(CAPNG_ADD, SetsOf(keep), CAP_NET_ADMIN) != 0)
      return absl::InternalError("choose capabilities");
  }
  if (capng_apply(may_bound ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS) != 0)
    return ErrnoError(errno, "give up capabilities");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoError(errno, "set no_new_privs");
  return absl::OkStatus();
}

}  // namespace banger::netd
