#include "services/vmd/adapters/port_relay.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/os/file.h"

namespace banger::vmd {
namespace v1 = banger::guest::v1;
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kPiece = 64 << 10;
constexpr std::size_t kMaxSenders = 256;
constexpr std::chrono::seconds kSilence{60};

using DialStream = grpc::ClientReaderWriter<v1::DialRequest, v1::DialResponse>;

v1::DialRequest TargetOf(int guest_port, bool datagrams) {
  v1::DialRequest request;
  request.mutable_target()->set_port(guest_port);
  request.mutable_target()->set_datagrams(datagrams);
  return request;
}

// What the client sends, to its end.
void Upload(int client, DialStream& guest) {
  std::string buffer(kPiece, '\0');
  for (;;) {
    const ssize_t n = ::recv(client, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    v1::DialRequest request;
    request.set_data(buffer.data(), static_cast<std::size_t>(n));
    if (!guest.Write(request)) return;
  }
  guest.WritesDone();
}

// Closing then sends a reset instead of an end.
void ResetOnClose(int client) {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

}  // namespace

void RelayConnection(const UniqueFd& client, int guest_port, const DialChannel& channel,
                     const std::stop_token& stop) {
  const auto found = channel(stop);
  if (!found.ok()) return ResetOnClose(client.get());
  grpc::ClientContext context;
  const auto guest = v1::GuestService::NewStub(*found)->Dial(&context);
  const std::stop_callback cancel(stop, [&] {
    context.TryCancel();
    ::shutdown(client.get(), SHUT_RDWR);
  });
  guest->Write(TargetOf(guest_port, false));
  std::thread upload([&] { Upload(client.get(), *guest); });
  v1::DialResponse response;
  while (guest->Read(&response)) {
    if (response.has_closed())
      ::shutdown(client.get(), SHUT_WR);
    else if (!WriteFully(client.get(), response.data()).ok())
      context.TryCancel();
  }
  // Ends the upload's wait for a client that says nothing more.
  ::shutdown(client.get(), SHUT_RD);
  upload.join();
  if (!guest->Finish().ok()) ResetOnClose(client.get());
}

class DatagramRelay::Session {
 public:
  Session(int socket, Sender to, std::shared_ptr<grpc::Channel> channel, int guest_port)
      : channel_(std::move(channel)),
        socket_(socket),
        to_(to),
        guest_(v1::GuestService::NewStub(channel_)->Dial(&context_)) {
    guest_->Write(TargetOf(guest_port, true));
    answers_ = std::thread([this] { Answer(); });
  }
  ~Session() {
    context_.TryCancel();
    answers_.join();
    guest_->Finish();
  }

  void Send(const char* data, std::size_t size) {
    last_ = steady_clock::now();
    v1::DialRequest request;
    request.set_data(data, size);
    if (!guest_->Write(request)) over_ = true;
  }

  bool IsOver(steady_clock::time_point now) const { return over_ || now - last_.load() > kSilence; }

 private:
  void Answer() {
    v1::DialResponse response;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = to_.first;
    to.sin_port = to_.second;
    while (guest_->Read(&response)) {
      last_ = steady_clock::now();
      ::sendto(socket_, response.data().data(), response.data().size(), MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    over_ = true;
  }

  const std::shared_ptr<grpc::Channel> channel_;  // held, it says that the VM is in use
  const int socket_;
  const Sender to_;
  grpc::ClientContext context_;
  const std::unique_ptr<DialStream> guest_;
  std::thread answers_;
  std::atomic<bool> over_ = false;
  std::atomic<steady_clock::time_point> last_ = steady_clock::now();
};

DatagramRelay::DatagramRelay(int socket, int guest_port, DialChannel channel, std::stop_token stop)
    : socket_(socket), guest_port_(guest_port), channel_(std::move(channel)), stop_(std::move(stop)) {}

DatagramRelay::~DatagramRelay() = default;

void DatagramRelay::Receive() {
  const auto now = steady_clock::now();
  std::erase_if(sessions_, [now](const auto& entry) { return entry.second->IsOver(now); });
  char datagram[kPiece];
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const ssize_t n =
      ::recvfrom(socket_, datagram, sizeof datagram, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
  if (n < 0) return;
  const Sender sender{from.sin_addr.s_addr, from.sin_port};
  auto session = sessions_.find(sender);
  if (session == sessions_.end()) {
    if (sessions_.size() >= kMaxSenders) return;
    // Datagrams wait for nobody: one for a guest that is not there is lost.
    const auto channel = channel_(stop_);
    if (!channel.ok()) return;
    session =
        sessions_.emplace(sender, std::make_unique<Session>(socket_, sender, *channel, guest_port_)).first;
  }
  session->second->Send(datagram, static_cast<std::size_t>(n));
}

}  // namespace banger::vmd
