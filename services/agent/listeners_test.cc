// GetListeners as vmd sees it, with this process's own sockets.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "common/os/unique_fd.h"
#include "common/rpc/error_mapping.h"
#include "common/testing/status_matchers.h"
#include "services/agent/guest_service.h"

namespace banger::agent {
namespace {

namespace v1 = guest::v1;

struct Socket {
  explicit Socket(int type) : fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port = ntohs(address.sin_port);
  }
  UniqueFd fd;
  int port = 0;
};

class ListenersTest : public ::testing::Test {
 protected:
  static std::optional<v1::Listener> Find(bool datagrams, int port) {
    WorkerPool workers(2, 2);
    GuestService service(workers);
    grpc::ServerBuilder builder;
    builder.RegisterService(&service);
    const auto server = builder.BuildAndStart();
    grpc::ClientContext context;
    v1::GetListenersResponse response;
    EXPECT_OK(rpc::FromGrpc(
        v1::GuestService::NewStub(server->InProcessChannel({}))->GetListeners(&context, {}, &response)));
    server->Shutdown(std::chrono::system_clock::now());
    const auto& all = response.listeners();
    const auto found = std::find_if(all.begin(), all.end(), [&](const v1::Listener& listener) {
      return listener.datagrams() == datagrams && listener.port() == port;
    });
    return found == all.end() ? std::nullopt : std::optional(*found);
  }
};

TEST_F(ListenersTest, WhoListensIsFoundWithItsProcess) {
  const Socket tcp(SOCK_STREAM);
  EXPECT_FALSE(Find(false, tcp.port).has_value()) << "bound, but not listening";
  ASSERT_EQ(::listen(tcp.fd.get(), 1), 0);
  const Socket udp(SOCK_DGRAM);
  ASSERT_EQ(::prctl(PR_SET_NAME, "na\xffme"), 0);
  for (const auto& [datagrams, port] : {std::pair(false, tcp.port), {true, udp.port}}) {
    const auto found = Find(datagrams, port);
    ASSERT_TRUE(found.has_value()) << port;
    EXPECT_EQ(found->address(), "127.0.0.1");
    EXPECT_EQ(found->pid(), ::getpid());
    EXPECT_EQ(found->process(), "na?me");
  }
}

}  // namespace
}  // namespace banger::agent
