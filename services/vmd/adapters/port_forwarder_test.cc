// Published ports, from a client on the host to an agent that the test plays.
#include "services/vmd/adapters/port_forwarder.h"

#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "absl/strings/str_cat.h"
#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"

namespace banger::vmd {
namespace {

using ::testing::HasSubstr;
namespace v1 = banger::guest::v1;

// Answers what is sent with the port that was asked for before it: "80:hello".
// Nobody listens on port 1.
class EchoAgent final : public v1::GuestService::Service {
 public:
  EchoAgent() {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~EchoAgent() override { server_->Shutdown(std::chrono::system_clock::now()); }
  std::shared_ptr<grpc::Channel> channel() { return server_->InProcessChannel({}); }

 private:
  grpc::Status Dial(grpc::ServerContext*,
                    grpc::ServerReaderWriter<v1::DialResponse, v1::DialRequest>* stream) override {
    v1::DialRequest request;
    stream->Read(&request);
    const std::string prefix = absl::StrCat(request.target().port(), ":");
    if (request.target().port() == 1) return {grpc::StatusCode::UNAVAILABLE, "nobody listens"};
    v1::DialResponse response;
    while (stream->Read(&request)) {
      response.set_data(prefix + request.data());
      stream->Write(response);
    }
    response.mutable_closed();
    stream->Write(response);
    return grpc::Status::OK;
  }

  std::unique_ptr<grpc::Server> server_;
};

int FreePort() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

UniqueFd Connect(int type, int port) {
  UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const timeval timeout{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) socket.Reset();
  return socket;
}

std::string Receive(const UniqueFd& socket) {
  char bytes[1000];
  const ssize_t n = ::recv(socket.get(), bytes, sizeof bytes, 0);
  return n < 0 ? absl::StrCat("errno ", errno) : std::string(bytes, static_cast<std::size_t>(n));
}

class PortForwarderTest : public ::testing::Test {
 protected:
  PortForwarderTest() { ::signal(SIGPIPE, SIG_IGN); }

  PublishedPort port_{.host_port = FreePort(), .guest_port = 80};
  EchoAgent agent_;
  // Whoever holds the channel uses the VM.
  PortForwarder forwarder_{[this](const std::string&, const std::stop_token&) {
    const auto use = std::make_shared<std::shared_ptr<grpc::Channel>>(agent_.channel());
    use_ = use;
    return std::shared_ptr<grpc::Channel>(use, use->get());
  }};
  std::weak_ptr<std::shared_ptr<grpc::Channel>> use_;
};

TEST_F(PortForwarderTest, CarriesConnections) {
  ASSERT_OK(forwarder_.Open("vm", port_));
  EXPECT_TRUE(forwarder_.IsOpen("vm", port_));
  const UniqueFd one = Connect(SOCK_STREAM, port_.host_port);
  const UniqueFd two = Connect(SOCK_STREAM, port_.host_port);
  ASSERT_OK(WriteFully(one.get(), "hello"));
  EXPECT_EQ(Receive(one), "80:hello");
  ASSERT_OK(WriteFully(two.get(), "world"));
  EXPECT_EQ(Receive(two), "80:world");
  ::shutdown(one.get(), SHUT_WR);
  EXPECT_EQ(Receive(one), "");  // its end, in good order
}

TEST_F(PortForwarderTest, CarriesDatagramsOfSeveralSenders) {
  port_.protocol = PortProtocol::kUdp;
  ASSERT_OK(forwarder_.Open("vm", port_));
  const UniqueFd one = Connect(SOCK_DGRAM, port_.host_port);
  const UniqueFd two = Connect(SOCK_DGRAM, port_.host_port);
  ASSERT_OK(WriteFully(one.get(), "a"));
  ASSERT_OK(WriteFully(two.get(), "b"));
  EXPECT_EQ(Receive(two), "80:b");
  EXPECT_EQ(Receive(one), "80:a");
}

TEST_F(PortForwarderTest, AVmIsInUseWhileItIsSpokenTo) {
  for (const auto& [protocol, type] :
       {std::pair(PortProtocol::kTcp, SOCK_STREAM), {PortProtocol::kUdp, SOCK_DGRAM}}) {
    port_.protocol = protocol;
    ASSERT_OK(forwarder_.Open("vm", port_));
    const UniqueFd client = Connect(type, port_.host_port);
    ASSERT_OK(WriteFully(client.get(), "a"));
    EXPECT_EQ(Receive(client), "80:a");
    EXPECT_FALSE(use_.expired());
    forwarder_.CloseAll("vm");
    EXPECT_TRUE(Eventually([this] { return use_.expired(); }));
  }
}

TEST_F(PortForwarderTest, AGuestWhereNobodyListensResetsTheConnection) {
  port_.guest_port = 1;
  ASSERT_OK(forwarder_.Open("vm", port_));
  EXPECT_EQ(Receive(Connect(SOCK_STREAM, port_.host_port)), absl::StrCat("errno ", ECONNRESET));
}

TEST_F(PortForwarderTest, ClosingEndsConnectionsAndGivesThePortBack) {
  ASSERT_OK(forwarder_.Open("vm", port_));
  const UniqueFd client = Connect(SOCK_STREAM, port_.host_port);
  ASSERT_OK(WriteFully(client.get(), "x"));
  EXPECT_EQ(Receive(client), "80:x");
  forwarder_.CloseAll("other");
  EXPECT_TRUE(forwarder_.IsOpen("vm", port_));
  forwarder_.CloseAll("vm");
  EXPECT_FALSE(forwarder_.IsOpen("vm", port_));
  EXPECT_NE(Receive(client), "80:x");
  EXPECT_FALSE(Connect(SOCK_STREAM, port_.host_port).valid());
  EXPECT_OK(forwarder_.Open("vm", port_));
}

TEST_F(PortForwarderTest, NamesWhoHasThePort) {
  const UniqueFd other(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port_.host_port));
  ASSERT_EQ(::bind(other.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(other.get(), 1), 0);
  const absl::Status taken = forwarder_.Open("vm", port_);
  EXPECT_EQ(ErrorReason(taken), "PORT_IN_USE");
  EXPECT_THAT(taken.message(), HasSubstr(absl::StrCat("(pid ", ::getpid(), ")")));
  EXPECT_FALSE(forwarder_.IsOpen("vm", port_));
}

TEST_F(PortForwarderTest, RefusesAnAddressThatTheHostDoesNotHave) {
  port_.host_address = "192.0.2.1";
  EXPECT_THAT(forwarder_.Open("vm", port_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("192.0.2.1")));
}

}  // namespace
}  // namespace banger::vmd
