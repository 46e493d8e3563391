#include "services/netd/adapters/nft_generation.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "common/os/unique_fd.h"
#include "common/status/error.h"

namespace banger::netd {
namespace {

struct Request {
  nlmsghdr header;
  nfgenmsg family;
};

// The value of NFTA_GEN_ID in a NFT_MSG_NEWGEN; 0 when there is none.
std::uint32_t GenerationIn(const char* message, std::size_t size) {
  nlmsghdr header{};
  if (size < sizeof header) return 0;
  std::memcpy(&header, message, sizeof header);
  if (header.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN)) return 0;
  std::size_t at = NLMSG_LENGTH(sizeof(nfgenmsg));
  while (at + sizeof(nlattr) <= size) {
    nlattr attribute{};
    std::memcpy(&attribute, message + at, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || at + attribute.nla_len > size) return 0;
    if ((attribute.nla_type & NLA_TYPE_MASK) == NFTA_GEN_ID &&
        attribute.nla_len == sizeof attribute + sizeof(std::uint32_t)) {
      std::uint32_t id = 0;
      std::memcpy(&id, message + at + sizeof attribute, sizeof id);
      return ntohl(id);
    }
    at += NLA_ALIGN(attribute.nla_len);
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::uint32_t> NftGeneration() {
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket.valid()) return ErrnoError(errno, "create netlink socket");
  Request request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.family);
  request.header.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.family.nfgen_family = AF_UNSPEC;
  request.family.version = NFNETLINK_V0;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket.get(), &request, sizeof request, 0, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof kernel) < 0)
    return ErrnoError(errno, "ask for the packet filter's generation");
  alignas(nlmsghdr) char answer[1024];
  const ssize_t n = ::recv(socket.get(), answer, sizeof answer, 0);
  if (n < 0) return ErrnoError(errno, "read the packet filter's generation");
  const std::uint32_t generation = GenerationIn(answer, static_cast<std::size_t>(n));
  if (generation == 0) return absl::InternalError("the packet filter did not tell its generation");
  return generation;
}

}  // namespace banger::netd
