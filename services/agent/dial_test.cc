// Dial as vmd sees it, to real services on this machine's loopback.
#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/agent/guest_service.h"

namespace banger::agent {
namespace {

namespace v1 = guest::v1;
using Stream = grpc::ClientReaderWriter<v1::DialRequest, v1::DialResponse>;

// A socket on a free port of 127.0.0.1.
struct Local {
  explicit Local(int type) : socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port = ntohs(address.sin_port);
  }
  UniqueFd socket;
  int port = 0;
};

class DialTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // as the agent does
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::GuestService::NewStub(server_->InProcessChannel({}));
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  }
  void TearDown() override {
    context_.TryCancel();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::unique_ptr<Stream> Dial(int port, bool datagrams = false) {
    auto stream = stub_->Dial(&context_);
    v1::DialRequest request;
    request.mutable_target()->set_port(port);
    request.mutable_target()->set_datagrams(datagrams);
    stream->Write(request);
    return stream;
  }
  static void Send(Stream& stream, const std::string& data) {
    v1::DialRequest request;
    request.set_data(data);
    EXPECT_TRUE(stream.Write(request));
  }
  // All data until the service has closed.
  static std::string ReadAll(Stream& stream) {
    std::string all;
    v1::DialResponse response;
    while (stream.Read(&response) && !response.has_closed()) all += response.data();
    return all;
  }

  WorkerPool workers_{8, 8};
  GuestService service_{workers_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::GuestService::Stub> stub_;
  grpc::ClientContext context_;
};

TEST_F(DialTest, CarriesBytesBothWaysAndEachSidesEnd) {
  Local service(SOCK_STREAM);
  ::listen(service.socket.get(), 1);
  std::thread server([&] {
    const UniqueFd connection(::accept(service.socket.get(), nullptr, nullptr));
    std::string received(8 << 20, '\0');
    // The caller's end is the end of what we read.
    const auto size = ReadFully(connection.get(), received.data(), received.size());
    EXPECT_THAT(size, IsOkAndHolds(std::size_t{4} << 20));
    received.resize(size.value_or(0));
    EXPECT_OK(WriteFully(connection.get(), received + "!"));
  });
  const auto stream = Dial(service.port);
  for (int i = 0; i < 64; ++i) Send(*stream, std::string(64 << 10, static_cast<char>('a' + i % 26)));
  stream->WritesDone();
  const std::string answer = ReadAll(*stream);
  EXPECT_EQ(answer.size(), (std::size_t{4} << 20) + 1);
  EXPECT_EQ(answer[64 << 10], 'b');
  EXPECT_TRUE(stream->Finish().ok());
  server.join();
}

TEST_F(DialTest, SaysWhenNobodyListens) {
  int port = 0;
  {
    const Local closed(SOCK_STREAM);
    port = closed.port;
  }
  for (const bool datagrams : {false, true}) {
    grpc::ClientContext context;
    auto stream = stub_->Dial(&context);
    v1::DialRequest request;
    request.mutable_target()->set_port(port);
    request.mutable_target()->set_datagrams(datagrams);
    stream->Write(request);
    request.set_data("?");
    stream->Write(request);
    EXPECT_EQ(ReadAll(*stream), "");
    EXPECT_EQ(ErrorReason(rpc::FromGrpc(stream->Finish())), "PORT_REFUSED");
  }
}

TEST_F(DialTest, KeepsDatagramsApart) {
  const Local service(SOCK_DGRAM);
  std::thread server([&] {
    for (int i = 0; i < 2; ++i) {
      char datagram[100];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(service.socket.get(), datagram, sizeof datagram, 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
      const std::string answer = "got " + std::string(datagram, static_cast<std::size_t>(n));
      ::sendto(service.socket.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from),
               size);
    }
  });
  const auto stream = Dial(service.port, true);
  v1::DialResponse response;
  for (const char* datagram : {"one", "two"}) {
    Send(*stream, datagram);
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.data(), std::string("got ") + datagram);
  }
  stream->WritesDone();
  EXPECT_EQ(ReadAll(*stream), "");
  EXPECT_TRUE(stream->Finish().ok());
  server.join();
}

TEST_F(DialTest, ACallerThatLeavesEndsTheConnection) {
  Local service(SOCK_STREAM);
  ::listen(service.socket.get(), 1);
  const auto stream = Dial(service.port);
  Send(*stream, "x");
  const UniqueFd connection(::accept(service.socket.get(), nullptr, nullptr));
  char bytes[8];
  EXPECT_THAT(ReadFully(connection.get(), bytes, 1), IsOkAndHolds(1));
  context_.TryCancel();
  EXPECT_THAT(ReadFully(connection.get(), bytes, sizeof bytes), IsOkAndHolds(0));
  stream->Finish();
}

TEST_F(DialTest, RefusesWhatIsNoPort) {
  for (const int port : {0, -1, 65536}) {
    grpc::ClientContext context;
    auto stream = stub_->Dial(&context);
    v1::DialRequest request;
    request.mutable_target()->set_port(port);
    stream->Write(request);
    EXPECT_EQ(ErrorReason(rpc::FromGrpc(stream->Finish())), "NO_TARGET");
  }
}

}  // namespace
}  // namespace banger::agent
