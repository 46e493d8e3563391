// open(2) where the kernel itself sees to it how far a path leads. Each gives a
// descriptor, always close-on-exec, or -1 and errno.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace banger {

// `resolve` is of RESOLVE_NO_SYMLINKS and the like.
inline int OpenResolving(int directory, const std::string& path, std::uint64_t flags, std::uint64_t resolve,
                         std::uint64_t mode = 0) {
  const open_how how{.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
  return static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how));
}

// Never above the directory, never through a symbolic link.
inline int OpenBeneath(int directory, const std::string& path, std::uint64_t flags, std::uint64_t mode = 0) {
  return OpenResolving(directory, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
                       mode);
}

}  // namespace banger
