#include "common/os/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

absl::StatusOr<sockaddr_un> Address(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path)
    return absl::InvalidArgumentError(absl::StrCat("socket path '", text, "' has ", text.size(),
                                                   " bytes; the kernel allows ",
                                                   sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

absl::StatusOr<UniqueFd> StreamSocket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoError(errno, "create socket");
  return fd;
}

// Space for one descriptor, aligned as the kernel wants it.
union Control {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr header;
};

absl::Status SetSendTimeout(int socket, std::chrono::milliseconds timeout) {
  const timeval value{.tv_sec = timeout.count() / 1000, .tv_usec = timeout.count() % 1000 * 1000};
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value) < 0)
    return ErrnoError(errno, "set a socket's timeout");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> ListenUnix(const std::filesystem::path& path, unsigned mode) {
  BANGER_ASSIGN_OR_RETURN(const sockaddr_un address, Address(path));
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, StreamSocket());
  ::unlink(path.c_str());
  // On Linux bind gives the file the socket's own mode less the umask, and
  // nobody can connect before listen. Who may not change modes has its umask.
  struct stat made {};
  [[maybe_unused]] const int ignored = ::fchmod(fd.get(), mode);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      ::lstat(path.c_str(), &made) < 0)
    return ErrnoError(errno, absl::StrCat("bind '", path.string(), "'"));
  if ((made.st_mode & 07777) != mode && ::chmod(path.c_str(), mode) < 0)
    return ErrnoError(errno, absl::StrCat("chmod '", path.string(), "'"));
  if (::listen(fd.get(), SOMAXCONN) < 0)
    return ErrnoError(errno, absl::StrCat("listen at '", path.string(), "'"));
  return fd;
}

absl::StatusOr<UniqueFd> ConnectUnix(const std::filesystem::path& path, std::chrono::milliseconds patience) {
  BANGER_ASSIGN_OR_RETURN(const sockaddr_un address, Address(path));
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, StreamSocket());
  // It bounds connect(2) too; no time at all would mean for ever.
  BANGER_RETURN_IF_ERROR(SetSendTimeout(fd.get(), std::max(patience, std::chrono::milliseconds(1))));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    BANGER_RETURN_IF_ERROR(SetSendTimeout(fd.get(), std::chrono::milliseconds(0)));
    return fd;
  }
  if (errno == EAGAIN)
    return absl::UnavailableError(
        absl::StrCat("connect to '", path.string(), "': its listener accepts nobody"));
  if (errno == ECONNREFUSED)
    return absl::UnavailableError(absl::StrCat("connect to '", path.string(), "': nobody listens"));
  return ErrnoError(errno, absl::StrCat("connect to '", path.string(), "'"));
}

absl::StatusOr<PeerCredentials> GetPeerCredentials(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
    return ErrnoError(errno, "read peer credentials");
  return PeerCredentials{.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
}

absl::Status SendDescriptor(int socket, int fd) {
  char byte = 'F';
  iovec data{.iov_base = &byte, .iov_len = 1};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) return ErrnoError(errno, "send descriptor");
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> ReceiveDescriptor(int socket) {
  char byte = 0;
  iovec data{.iov_base = &byte, .iov_len = 1};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return ErrnoError(errno, "receive descriptor");
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (n == 0 || header == nullptr || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int)))
    return absl::UnavailableError("receive descriptor: the peer sent none");
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

}  // namespace banger
