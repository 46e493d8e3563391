// Unix stream sockets with known peers.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger {

// Listens at `path` with exactly that mode from the first moment on, replacing
// a stale socket file. The caller holds the lock that says there is no other
// server. Paths of more than 107 bytes are refused by name.
absl::StatusOr<UniqueFd> ListenUnix(const std::filesystem::path& path, unsigned mode);

// NOT_FOUND when there is no socket, UNAVAILABLE when nobody listens, or when the
// listener's queue stays full for longer than `patience` (at least 1 ms): a process
// that is stopped accepts nobody.
absl::StatusOr<UniqueFd> ConnectUnix(const std::filesystem::path& path,
                                     std::chrono::milliseconds patience = std::chrono::seconds(5));

struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

// Who connected, as the kernel knows it (SO_PEERCRED).
absl::StatusOr<PeerCredentials> GetPeerCredentials(int fd);

// One message of one byte and a descriptor (SCM_RIGHTS).
absl::Status SendDescriptor(int socket, int fd);
absl::StatusOr<UniqueFd> ReceiveDescriptor(int socket);

}  // namespace banger
