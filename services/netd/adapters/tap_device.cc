#include "services/netd/adapters/tap_device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

constexpr char kTunDevice[] = "/dev/net/tun";
// With VNET_HDR checksums and segmentation stay undone between guest and host.
constexpr int kTapFlags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

ifreq Request(const std::string& name, int flags) {
  ifreq request{};
  request.ifr_flags = static_cast<short>(flags);
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

}  // namespace

absl::StatusOr<TapDevice> TapDevice::Create(const std::string& name, uid_t owner) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(kTunDevice, O_RDWR));
  const std::string what = absl::StrCat("create tap '", name, "'");
  // The kernel answers EBUSY to TUN_EXCL when there is one already.
  ifreq request = Request(name, kTapFlags | IFF_TUN_EXCL);
  if (::ioctl(fd.get(), TUNSETIFF, &request) < 0) {
    if (errno == EBUSY || errno == EEXIST) return absl::AlreadyExistsError(absl::StrCat(what, ": exists"));
    return ErrnoError(errno, what);
  }
  if (::ioctl(fd.get(), TUNSETOWNER, static_cast<unsigned long>(owner)) < 0)
    return ErrnoError(errno, absl::StrCat(what, ": give it to uid ", owner));
  return TapDevice(std::move(fd), name);
}

absl::Status TapDevice::MakePersistent() {
  if (::ioctl(fd_.get(), TUNSETPERSIST, 1UL) < 0)
    return ErrnoError(errno, absl::StrCat("keep tap '", name_, "'"));
  fd_.Reset();
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenTapQueue(const std::string& name) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(kTunDevice, O_RDWR | O_NONBLOCK));
  const std::string what = absl::StrCat("open tap '", name, "'");
  ifreq request = Request(name, kTapFlags);
  if (::ioctl(fd.get(), TUNSETIFF, &request) < 0) {
    if (errno == EBUSY) return absl::FailedPreconditionError(absl::StrCat(what, ": it is in use"));
    return ErrnoError(errno, what);
  }
  // Where there was no tap the kernel has just made one, which goes with the fd.
  if (::ioctl(fd.get(), TUNGETIFF, &request) < 0) return ErrnoError(errno, what);
  if ((request.ifr_flags & IFF_PERSIST) == 0)
    return absl::NotFoundError(absl::StrCat(what, ": there is none"));
  return fd;
}

}  // namespace banger::netd
