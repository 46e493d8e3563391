#include "services/netd/adapters/host_watcher.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Long enough to see a tool's many steps as one change, short enough for a guest
// to notice little of it.
constexpr milliseconds kSettle{50};

absl::StatusOr<UniqueFd> Subscribe(int protocol, const std::vector<int>& groups) {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!socket.valid()) return ErrnoError(errno, "create netlink socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return ErrnoError(errno, "subscribe to the host's changes");
  for (const int group : groups)
    if (::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
      return ErrnoError(errno, "subscribe to the host's changes");
  return socket;
}

// What changed is asked anew, so lost messages (ENOBUFS) do no harm.
void Drain(int socket) {
  char buffer[8192];
  while (::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR)
    errno = 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HostWatcher>> HostWatcher::Start(const std::vector<Family>& families,
                                                                Callbacks callbacks, milliseconds period) {
  std::vector<int> groups;
  for (const Family family : families)
    groups.push_back(family == Family::kIpv4 ? int{RTNLGRP_IPV4_ROUTE} : int{RTNLGRP_IPV6_ROUTE});
  BANGER_ASSIGN_OR_RETURN(UniqueFd routes, Subscribe(NETLINK_ROUTE, groups));
  BANGER_ASSIGN_OR_RETURN(UniqueFd filter, Subscribe(NETLINK_NETFILTER, {NFNLGRP_NFTABLES}));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake.valid()) return ErrnoError(errno, "create eventfd");
  return std::unique_ptr<HostWatcher>(
      new HostWatcher(std::move(callbacks), period, std::move(routes), std::move(filter), std::move(wake)));
}

HostWatcher::HostWatcher(Callbacks callbacks, milliseconds period, UniqueFd routes, UniqueFd filter,
                         UniqueFd wake)
    : callbacks_(std::move(callbacks)),
      period_(period),
      routes_(std::move(routes)),
      filter_(std::move(filter)),
      wake_(std::move(wake)),
      thread_([this] { Run(); }) {}

HostWatcher::~HostWatcher() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
}

void HostWatcher::Run() {
  auto next = steady_clock::now() + period_;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(next - steady_clock::now());
    pollfd fds[] = {{wake_.get(), POLLIN, 0}, {routes_.get(), POLLIN, 0}, {filter_.get(), POLLIN, 0}};
    const int ready = ::poll(fds, 3, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (fds[0].revents != 0) return;
    if (ready > 0) {
      if (::poll(fds, 1, static_cast<int>(kSettle.count())) > 0) return;
      Drain(routes_.get());
      Drain(filter_.get());
      callbacks_.on_change();
    }
    if (steady_clock::now() < next) continue;
    callbacks_.on_time();
    next = steady_clock::now() + period_;
  }
}

}  // namespace banger::netd
