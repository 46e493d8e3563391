#include "common/os/peer_groups.h"

#include <sys/socket.h>

#include <cerrno>

#include "common/status/error.h"

namespace banger {

absl::StatusOr<std::vector<gid_t>> GetPeerGroups(int fd) {
  std::vector<gid_t> groups(64);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const int result = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    if (result < 0 && errno != ERANGE) return ErrnoError(errno, "read the groups of a peer");
    groups.resize(size / sizeof(gid_t));
    if (result == 0) return groups;
  }
}

}  // namespace banger
