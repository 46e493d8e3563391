#include "services/netd/dns/udp_listener.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "services/netd/dns/reply.h"

namespace banger::netd::dns {
namespace {

constexpr std::size_t kBatch = 32;
// After so many batches the other sockets have their turn.
constexpr int kBatchesAtOnce = 8;
constexpr std::size_t kMaxQuery = 4096;

// The interface that the packet came in by, where the socket tells it.
unsigned InterfaceOf(const msghdr& message) {
  for (const cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(const_cast<msghdr*>(&message), const_cast<cmsghdr*>(control))) {
    if (control->cmsg_level != IPPROTO_IP || control->cmsg_type != IP_PKTINFO) continue;
    in_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(control), sizeof info);
    return static_cast<unsigned>(info.ipi_ifindex);
  }
  return 0;
}

}  // namespace

struct UdpListener::Batch {
  struct Slot {
    sockaddr_in peer;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> control;
    std::array<char, kMaxQuery> query;
    std::array<char, kMaxOwnReply> reply;
    iovec query_vector;
    iovec reply_vector;
  };
  std::array<Slot, kBatch> slots;
  std::array<mmsghdr, kBatch> received;
  std::array<mmsghdr, kBatch> replies;

  // What recvmmsg changes has to be set again each time.
  void Prepare() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      Slot& slot = slots[i];
      slot.query_vector = {.iov_base = slot.query.data(), .iov_len = slot.query.size()};
      received[i] = {};
      msghdr& header = received[i].msg_hdr;
      header.msg_name = &slot.peer;
      header.msg_namelen = sizeof slot.peer;
      header.msg_iov = &slot.query_vector;
      header.msg_iovlen = 1;
      header.msg_control = slot.control.data();
      header.msg_controllen = slot.control.size();
    }
  }
};

UdpListener::UdpListener(EventLoop& loop, UniqueFd socket, ClientRules& rules, const Responder& responder,
                         Forwarder& forwarder)
    : loop_(loop),
      socket_(std::move(socket)),
      rules_(rules),
      responder_(responder),
      forwarder_(forwarder),
      batch_(std::make_unique<Batch>()) {}

UdpListener::~UdpListener() { loop_.Unwatch(socket_.get()); }

absl::Status UdpListener::Start() {
  return loop_.Watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { OnReadable(); });
}

void UdpListener::OnReadable() {
  for (int round = 0; round < kBatchesAtOnce; ++round) {
    batch_->Prepare();
    const int n = ::recvmmsg(socket_.get(), batch_->received.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (n <= 0) return;
    std::size_t replies = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      const std::size_t size = Handle(i, batch_->received[i].msg_len);
      if (size == 0) continue;
      Batch::Slot& slot = batch_->slots[i];
      slot.reply_vector = {.iov_base = slot.reply.data(), .iov_len = size};
      mmsghdr& reply = batch_->replies[replies++];
      reply = {};
      reply.msg_hdr.msg_name = &slot.peer;
      reply.msg_hdr.msg_namelen = sizeof slot.peer;
      reply.msg_hdr.msg_iov = &slot.reply_vector;
      reply.msg_hdr.msg_iovlen = 1;
    }
    Send(replies);
    if (static_cast<std::size_t>(n) < kBatch) return;
  }
}

std::size_t UdpListener::Handle(std::size_t index, std::size_t size) {
  Batch::Slot& slot = batch_->slots[index];
  const msghdr& header = batch_->received[index].msg_hdr;
  const std::optional<Client> client =
      rules_.Admit(Ipv4(ntohl(slot.peer.sin_addr.s_addr)), InterfaceOf(header));
  // Port 0 cannot be answered, and to our own port's like an answer would go round.
  if (!client.has_value() || slot.peer.sin_port == 0 || (header.msg_flags & MSG_TRUNC) != 0) return 0;
  Query query;
  std::size_t reply = 0;
  switch (responder_.Handle({slot.query.data(), size}, *client, &query, slot.reply.data(), &reply)) {
    case Verdict::kDrop:
      return 0;
    case Verdict::kReply:
      return reply;
    case Verdict::kForward:
      Forward(query, *client, slot.peer);
  }
  return 0;
}

void UdpListener::Send(std::size_t count) {
  for (std::size_t sent = 0; sent < count;) {
    const int n = ::sendmmsg(socket_.get(), &batch_->replies[sent], static_cast<unsigned>(count - sent),
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    // The first could not be sent: its client asks again.
    sent += n > 0 ? static_cast<std::size_t>(n) : 1;
  }
}

void UdpListener::Forward(const Query& query, const Client& client, const sockaddr_in& peer) {
  const std::size_t limit = std::min(query.udp_size, kUdpSize);
  forwarder_.Ask(query, client.address, limit, [this, peer](absl::string_view reply) {
    ::sendto(socket_.get(), reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
  });
}

}  // namespace banger::netd::dns
