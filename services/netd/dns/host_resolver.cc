#include "services/netd/dns/host_resolver.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/dns/resolve1.h"

namespace banger::netd::dns {
namespace {

constexpr std::chrono::milliseconds kRetry{500};
constexpr std::chrono::milliseconds kLookEvery{30000};  // for a bus that was not there

// The kernel's news of links.
absl::StatusOr<UniqueFd> ListenToLinks() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_LINK;
  if (!fd.valid() || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) < 0)
    return ErrnoError(errno, "listen to links");
  return fd;
}

// That something has changed is all we need to know, also when some was lost.
void Drain(const UniqueFd& links) {
  char buffer[8192];
  while (::recv(links.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0 || errno == ENOBUFS) errno = 0;
}

}  // namespace

// Files of /proc/PID/net are the network's, so of one network they are the same ones. The
// links in /proc/1/ns would need CAP_SYS_PTRACE, which our unit does not give us.
bool IsNetworkOfInit() {
  std::error_code error;
  return std::filesystem::equivalent("/proc/self/net/dev", "/proc/1/net/dev", error);
}

std::vector<std::string> RoutedDomains(const Subnet& subnet) {
  std::vector<std::string> domains = {"vm"};
  const auto octet = [](std::uint32_t bits, int shift) { return bits >> shift & 255; };
  if (subnet.prefix_length() == 16) {
    const std::uint32_t bits = subnet.network().bits();
    domains.push_back(absl::StrCat(octet(bits, 16), ".", octet(bits, 24), ".in-addr.arpa"));
  } else if (subnet.prefix_length() <= 24) {
    for (std::uint32_t bits = subnet.network().bits(); bits < subnet.broadcast().bits(); bits += 256)
      domains.push_back(
          absl::StrCat(octet(bits, 8), ".", octet(bits, 16), ".", octet(bits, 24), ".in-addr.arpa"));
  }
  if (!subnet.has_ipv6()) return domains;
  const Prefix network = subnet.NetworkOf(Family::kIpv6);
  std::string reverse = "ip6.arpa";
  for (int i = 0; i < network.length() / 8; ++i) {
    const std::uint8_t byte = network.network().bytes()[static_cast<std::size_t>(i)];
    reverse = absl::StrCat(absl::Hex(byte & 15), ".", absl::Hex(byte >> 4), ".", reverse);
  }
  domains.push_back(reverse);
  return domains;
}

absl::StatusOr<std::unique_ptr<HostResolver>> HostResolver::Start(Options options) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd links, ListenToLinks());
  UniqueFd end(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!end.valid()) return ErrnoError(errno, "create eventfd");
  return std::unique_ptr<HostResolver>(
      new HostResolver(std::move(options), std::move(links), std::move(end)));
}

HostResolver::HostResolver(Options options, UniqueFd links, UniqueFd end)
    : options_(std::move(options)),
      links_(std::move(links)),
      end_(std::move(end)),
      thread_([this] { Run(); }) {}

HostResolver::~HostResolver() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(end_.get(), &one, sizeof one);
  thread_.join();
}

// Goes by what is there now, whatever happened in between.
void HostResolver::Run() {
  const std::vector<std::string> domains = RoutedDomains(options_.subnet);
  std::unique_ptr<Resolve1> resolved;
  std::string told_owner;  // whom we told, and about which link
  unsigned told_link = 0;
  std::string complaint;
  for (;;) {
    if (resolved == nullptr) {
      absl::StatusOr<std::unique_ptr<Resolve1>> connected = Resolve1::Connect(options_.bus_address);
      if (connected.ok()) resolved = *std::move(connected);
    }
    if (resolved != nullptr && !resolved->Process().ok()) resolved.reset();
    const unsigned link = ::if_nametoindex(options_.bridge.c_str());
    const std::string owner = resolved == nullptr ? "" : resolved->owner();
    bool again = false;
    if (link == 0 || owner.empty()) {
      told_link = 0;
    } else if (link != told_link || owner != told_owner) {
      const absl::Status told =
          resolved->RouteDomains(static_cast<int>(link), options_.subnet.gateway(), domains);
      again = !told.ok();
      if (told.ok()) {
        told_link = link;
        told_owner = owner;
        log::Info("systemd-resolved asks us for .vm", {{"interface", options_.bridge}});
      } else if (complaint != told.message()) {
        complaint = std::string(told.message());
        log::Warn("the host does not resolve .vm yet", {{"error", complaint}});
      }
    }
    is_told_ = told_link != 0;
    pollfd fds[] = {{end_.get(), POLLIN, 0},
                    {links_.get(), POLLIN, 0},
                    {resolved == nullptr ? -1 : resolved->fd(), POLLIN, 0}};
    ::poll(fds, 3, static_cast<int>((again ? kRetry : kLookEvery).count()));
    Drain(links_);
    if (fds[0].revents != 0) break;
  }
  // Nobody answers there any more.
  const bool knows_us = resolved != nullptr && resolved->Process().ok() && resolved->owner() == told_owner;
  if (knows_us && told_link != 0 && told_link == ::if_nametoindex(options_.bridge.c_str())) {
    const absl::Status reverted = resolved->Revert(static_cast<int>(told_link));
    if (!reverted.ok())
      log::Warn("systemd-resolved still asks us", {{"error", std::string(reverted.message())}});
  }
}

}  // namespace banger::netd::dns
