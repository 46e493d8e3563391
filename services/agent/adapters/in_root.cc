#include "services/agent/adapters/in_root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/open_beneath.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

absl::StatusOr<UniqueFd> OpenInRoot(const fs::path& root, const fs::path& path, std::uint64_t flags) {
  const UniqueFd base(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base.valid()) return ErrnoError(errno, absl::StrCat("open '", root.string(), "'"));
  UniqueFd fd(OpenResolving(base.get(), path.string(), O_PATH | flags, RESOLVE_IN_ROOT));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("open '", path.string(), "' of the image"));
  return fd;
}

}  // namespace

absl::StatusOr<fs::path> ResolveInRoot(const fs::path& root, const fs::path& path) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenInRoot(root, path, 0));
  std::error_code error;
  fs::path real = fs::read_symlink(absl::StrCat("/proc/self/fd/", fd.get()), error);
  if (error) return ErrnoError(error.value(), absl::StrCat("resolve '", path.string(), "' of the image"));
  return real;
}

absl::StatusOr<fs::path> DirectoryInRoot(const fs::path& root, const fs::path& path) {
  if (OpenInRoot(root, path, O_DIRECTORY).ok()) return ResolveInRoot(root, path);
  fs::path parent = root;
  if (path.has_parent_path()) {
    BANGER_ASSIGN_OR_RETURN(parent, DirectoryInRoot(root, path.parent_path()));
  }
  const fs::path made = parent / path.filename();
  if (::unlink(made.c_str()) < 0 && errno != ENOENT)
    return ErrnoError(errno, absl::StrCat("remove '", path.string(), "' of the image"));
  BANGER_RETURN_IF_ERROR(MakeDirectories(made, 0755));
  return made;
}

}  // namespace banger::agent
