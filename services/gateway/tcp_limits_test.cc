// How much one client, or many strangers, may take.
#include <dirent.h>
#include <sys/socket.h>

#include "services/gateway/testing/log_capture.h"
#include "services/gateway/testing/tcp_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;
using TcpLimitsTest = TcpTest;

int OpenDescriptors() {
  int count = 0;
  DIR* dir = ::opendir("/proc/self/fd");
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count;
}

TEST_F(TcpLimitsTest, OneClientHasSoManyConnectionsAndTheOthersGoOn) {
  limits_.connections_per_client = 3;
  StartTcp();
  std::vector<std::unique_ptr<RawTls>> three;
  for (int i = 0; i < 3; ++i) {
    three.push_back(std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = bob_}));
    ASSERT_EQ(three.back()->Handshake(), "");
  }
  RawTls fourth(tcp_->port(), {.certificate = bob_});
  EXPECT_EQ(fourth.Handshake(), "");
  EXPECT_THAT(fourth.ReadToTheEnd(), HasSubstr("too many connections of 'bob'"));
  EXPECT_OK(GetVmOver(Connect(alice_)));
  three.pop_back();
  EXPECT_TRUE(Eventually([this] {
    RawTls again(tcp_->port(), {.certificate = bob_});
    return again.Handshake().empty() && again.Write(Http2Frame(6, 0, 0, "12345678")) &&
           again.Read().find("too many") == std::string::npos;
  }));
}

TEST_F(TcpLimitsTest, WhoDoesNotFinishItsHandshakeIsDropped) {
  limits_.handshake = 500ms;
  StartTcp();
  const UniqueFd silent = ConnectLoopback(tcp_->port());
  char byte = 0;
  EXPECT_LE(::read(silent.get(), &byte, 1), 0);
  EXPECT_TRUE(Eventually([this] { return tcp_->connections() == 0; }));
  // Ours may take longer, too, where there is much else to do.
  EXPECT_TRUE(Eventually([this] { return RawHandshake({.certificate = alice_}).empty(); }));
}

TEST_F(TcpLimitsTest, WhyAClientIsTurnedAwayIsToldOnce) {
  tcp_.reset();
  const LogCapture log;
  limits_.linger = 1ms;
  StartTcp();
  const UniqueFd plain = ConnectLoopback(tcp_->port());
  ASSERT_TRUE(WriteFully(plain.get(), Http2Preface()).ok());
  char alert[64];
  EXPECT_GE(::read(plain.get(), alert, sizeof alert), 0);
  EXPECT_TRUE(Eventually([this] { return tcp_->connections() == 0; }));
  EXPECT_EQ(log.Count("address=127.0.0.1", "why="), 1);
  tcp_.reset();
}

// Neither while they say nothing, nor after they said nonsense.
TEST_F(TcpLimitsTest, StrangersOfOneAddressKeepNobodyOut) {
  limits_.connections = 20;
  limits_.strangers_per_network = 5;
  limits_.handshake = limits_.linger = 1h;
  for (const bool speak : {false, true}) {
    StartTcp();
    std::vector<UniqueFd> strangers;
    const char bytes[64] = "no TLS at all";
    for (int i = 0; i < 20; ++i) {
      strangers.push_back(ConnectLoopback(tcp_->port(), "127.0.0.2"));
      ASSERT_TRUE(strangers.back().valid());
      if (speak) ::send(strangers.back().get(), bytes, sizeof bytes, MSG_NOSIGNAL);
      // An alert, or the end.
      char answer[64];
      const bool answered = speak || i >= 5;
      EXPECT_LT(answered ? ::read(strangers.back().get(), answer, sizeof answer) : 0, 64);
    }
    EXPECT_EQ(tcp_->connections(), 5u) << speak;
    EXPECT_OK(GetVmOver(Connect(alice_)));
  }
}

TEST_F(TcpLimitsTest, StrangersOfManyAddressesLeaveRoomForThoseWhoAreServed) {
  limits_.connections = 20;
  limits_.handshake = 1h;
  StartTcp();
  RawTls bob(tcp_->port(), {.certificate = bob_});
  ASSERT_EQ(bob.Handshake(), "");
  std::vector<UniqueFd> strangers;
  for (int i = 0; i < 30; ++i)
    strangers.push_back(ConnectLoopback(tcp_->port(), absl::StrCat("127.0.1.", i + 1)));
  char byte = 0;
  for (std::size_t i = 10; i < 30; ++i) EXPECT_LE(::read(strangers[i].get(), &byte, 1), 0) << i;
  EXPECT_EQ(tcp_->connections(), 11u);
  strangers.clear();
  EXPECT_TRUE(Eventually([this] { return RawHandshake({.certificate = alice_}).empty(); }));
}

TEST_F(TcpLimitsTest, AClientThatIsRefusedKeepsNobodyOutEither) {
  limits_.connections = 20;
  limits_.connections_per_client = 3;
  limits_.strangers_per_network = 5;
  limits_.linger = 1h;
  StartTcp();
  std::vector<std::unique_ptr<RawTls>> bobs;
  for (int i = 0; i < 20; ++i) {
    bobs.push_back(
        std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = bob_, .from = "127.0.0.2"}));
    bobs.back()->Handshake();
  }
  EXPECT_LE(tcp_->connections(), 8u);
  EXPECT_OK(GetVmOver(Connect(alice_)));
}

// What a client did not let go of is its own.
TEST_F(TcpLimitsTest, ConnectionsThatLingerAreTheirClients) {
  limits_.connections_per_client = 3;
  limits_.linger = 1h;
  StartTcp();
  std::vector<std::unique_ptr<RawTls>> three;
  for (int i = 0; i < 3; ++i) {
    three.push_back(std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = bob_}));
    ASSERT_EQ(three.back()->Handshake(), "");
    three.back()->Write(std::string(1000, '\xff'));  // which ends it
    EXPECT_TRUE(three.back()->IsEnded());
  }
  RawTls fourth(tcp_->port(), {.certificate = bob_});
  EXPECT_EQ(fourth.Handshake(), "");
  EXPECT_THAT(fourth.ReadToTheEnd(), HasSubstr("too many connections of 'bob'"));
}

TEST_F(TcpLimitsTest, ThereAreOnlySoManyConnectionsAndThoseThatAreThereGoOn) {
  limits_.connections = 4;
  StartTcp();
  const auto channel = Connect(alice_);
  EXPECT_OK(GetVmOver(channel));
  std::vector<std::unique_ptr<RawTls>> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = bob_}));
    ASSERT_EQ(others.back()->Handshake(), "");
  }
  EXPECT_NE(RawHandshake({.certificate = bob_}), "");
  EXPECT_EQ(tcp_->connections(), 4u);
  EXPECT_OK(GetVmOver(channel));
  others.pop_back();
  EXPECT_TRUE(Eventually([this] { return RawHandshake({.certificate = bob_}).empty(); }));
}

TEST_F(TcpLimitsTest, MetadataHasASize) {
  const auto channel = Connect(alice_);
  const auto get = [&](std::size_t bytes) {
    rpc::ClientCall call("", kSoon);
    call.context()->AddMetadata("big", std::string(bytes, 'x'));
    vm::v1::GetVmRequest request;
    request.set_name("vms/web");
    vm::v1::GetVmResponse response;
    return rpc::FromGrpc(vm::v1::VmService::NewStub(channel)->GetVm(call.context(), request, &response));
  };
  EXPECT_OK(get(7 << 10));
  EXPECT_THAT(get(9 << 10), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(GetVmOver(Connect(alice_)));
}

TEST_F(TcpLimitsTest, ConnectionsLeaveNoDescriptorsBehind) {
  EXPECT_OK(GetVmOver(Connect(alice_)));
  ASSERT_TRUE(Eventually([this] { return tcp_->connections() == 0; }));
  const int before = OpenDescriptors();
  for (int i = 0; i < 30; ++i) EXPECT_OK(GetVmOver(Connect(alice_)));
  for (int i = 0; i < 30; ++i) RawHandshake({});
  EXPECT_TRUE(Eventually([&] { return tcp_->connections() == 0 && OpenDescriptors() <= before + 4; }));
}

}  // namespace
}  // namespace banger::gateway
