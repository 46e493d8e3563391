#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/landlock.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/confinement.h"
#include "services/vmd/adapters/denied_calls.h"

namespace banger::vmd {
namespace {

// A VMM has a few dozen, and one for each vsock connection.
constexpr rlim_t kMaxDescriptors = 1024;

absl::Status Limit(__rlimit_resource_t resource, rlim_t value) {
  const rlimit limit{value, value};
  if (::setrlimit(resource, &limit) < 0) return ErrnoError(errno, "set a limit");
  return absl::OkStatus();
}

absl::Status Join(const std::filesystem::path& cgroup) {
  if (cgroup.empty()) return absl::OkStatus();
  BANGER_ASSIGN_OR_RETURN(const UniqueFd processes, OpenFile(cgroup / "cgroup.procs", O_WRONLY));
  return Annotate(WriteFully(processes.get(), "0"), absl::StrCat("join cgroup '", cgroup.string(), "'"));
}

// For a vmd that was started as root: uid 0 then is an ordinary owner of files.
// no_new_privs keeps root's execve from getting them again.
absl::Status DropCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, has) != 0) return ErrnoError(errno, "read our capabilities");
  const auto some = [](const __user_cap_data_struct& set) {
    return (set.effective | set.permitted | set.inheritable) != 0;
  };
  // vmd's unit allows no capset, as it has none to give up.
  if (std::none_of(std::begin(has), std::end(has), some)) return absl::OkStatus();
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capset, &header, none) != 0) return ErrnoError(errno, "drop capabilities");
  return absl::OkStatus();
}

}  // namespace

absl::Status ConfineSelf(const Confined& confined) {
  BANGER_RETURN_IF_ERROR(Join(confined.cgroup));
  BANGER_RETURN_IF_ERROR(Limit(RLIMIT_CORE, 0));  // a core would hold the guest's memory
  BANGER_RETURN_IF_ERROR(Limit(RLIMIT_NOFILE, kMaxDescriptors));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoError(errno, "set no_new_privs");
  BANGER_RETURN_IF_ERROR(DropCapabilities());
  BANGER_RETURN_IF_ERROR(AllowOnlyFiles(confined.files, LandlockScope::kAlone).status());
  return DenySystemCalls();
}

}  // namespace banger::vmd
