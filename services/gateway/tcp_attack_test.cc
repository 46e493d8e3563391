// Clients with a good certificate and bad intentions.
#include "common/status/error.h"
#include "services/gateway/testing/tcp_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr char kGetVm[] = "/banger.vm.v1.VmService/GetVm";
constexpr char kReadVmLog[] = "/banger.vm.v1.VmService/ReadVmLog";

class TcpAttackTest : public TcpTest {
 protected:
  void SetUp() override {
    TcpTest::SetUp();
    attacker_ = std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = mallory_});
    ASSERT_EQ(attacker_->Handshake(), "");
    bystander_ = Connect(ClientCertificate("alice", "viewer"));
    ASSERT_OK(GetVmOver(bystander_));
  }

  // Whether the gateway ends the connection before `limit` of these went out.
  bool IsEndedBy(const std::function<std::string(int)>& frames, int limit) {
    for (int i = 0; i < limit; ++i)
      if (!attacker_->Write(frames(i))) return true;
    return false;
  }

  // The rest of the world, after an attack, once the fake daemon's few workers are free.
  void EverybodyElseGoesOn() {
    EXPECT_TRUE(Eventually([this] { return GetVmOver(bystander_).ok(); }));
    EXPECT_TRUE(Eventually([this] { return tcp_->connections() == 1; }));
    EXPECT_EQ(RawHandshake({.certificate = mallory_}), "");
  }

  KeyedCertificate mallory_ = ClientCertificate("mallory", "admin");
  std::unique_ptr<RawTls> attacker_;
  std::shared_ptr<grpc::Channel> bystander_;
};

// CVE-2023-44487.
TEST_F(TcpAttackTest, RapidResetEndsItsConnection) {
  EXPECT_TRUE(IsEndedBy(
      [](int i) {
        const auto stream = static_cast<std::uint32_t>(2 * i + 1);
        return Http2Frame(1, 0x4, stream, Http2Call(kGetVm)) + Http2Frame(3, 0, stream, {"\0\0\0\x8", 4});
      },
      100000));
  EverybodyElseGoesOn();
}

// CVE-2024-27316 and its kin.
TEST_F(TcpAttackTest, HeadersWithoutEndEndTheirConnection) {
  attacker_->Write(Http2Frame(1, 0, 1, Http2Call(kGetVm)));
  EXPECT_TRUE(IsEndedBy([](int) { return Http2Frame(9, 0, 1, std::string(1, '\0') + "\1a\1b"); }, 100000));
  EverybodyElseGoesOn();
}

// CVE-2019-9512, CVE-2019-9515, CVE-2019-9513, CVE-2019-9518.
TEST_F(TcpAttackTest, FloodsOfControlFramesEndTheirConnection) {
  const std::vector<std::string> floods = {
      Http2Frame(6, 0, 0, "12345678"),
      Http2Frame(4, 0, 0, ""),
      Http2Frame(2, 0, 1, {"\0\0\0\0\x10", 5}),
      Http2Frame(0, 0, 1, ""),
  };
  for (const std::string& frame : floods) {
    attacker_ = std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = mallory_});
    ASSERT_EQ(attacker_->Handshake(), "");
    EXPECT_TRUE(IsEndedBy([&](int) { return frame; }, 100000)) << static_cast<int>(frame[3]);
  }
  EverybodyElseGoesOn();
}

// OpenSSL 3 bounds them no more.
TEST_F(TcpAttackTest, AFloodOfKeyUpdatesEndsItsConnection) {
  bool ended = false;
  for (int i = 0; i < 100000 && !ended; ++i) ended = !attacker_->UpdateKey();
  EXPECT_TRUE(ended);
  EverybodyElseGoesOn();
}

// The frame is there when the update is: nothing more tells of it.
TEST_F(TcpAttackTest, WhatFollowsAKeyUpdateIsRead) {
  for (const char i : {'0', '1', '2'}) {  // more would be a flood for gRPC
    const std::string ping(8, i);
    ASSERT_TRUE(attacker_->UpdateKey(Http2Frame(6, 0, 0, ping)));
    ASSERT_TRUE(attacker_->AwaitText(ping)) << i;
  }
}

TEST_F(TcpAttackTest, WhatIsNoHttp2EndsItsConnection) {
  EXPECT_TRUE(IsEndedBy([](int) { return std::string(1000, '\xff'); }, 10000));
  EverybodyElseGoesOn();
}

// The daemon's stream stands still while its client does, and ends with it.
TEST_F(TcpAttackTest, AClientThatReadsNothingCostsLittleAndIsDropped) {
  limits_.stall = 300ms;
  StartTcp();
  bystander_ = Connect(ClientCertificate("alice", "viewer"));
  RawTls sleeper(tcp_->port(), {.certificate = mallory_});
  ASSERT_EQ(sleeper.Handshake(), "");
  const std::string window("\x3f\xff\xff\x00", 4);  // as much as there is
  const std::string request(5, '\0');               // an empty message: an endless log
  ASSERT_TRUE(
      sleeper.Write(Http2Frame(4, 0, 0, std::string("\0\x4", 2) + std::string("\x7f\xff\xff\xff", 4)) +
                    Http2Frame(8, 0, 0, window) + Http2Frame(1, 0x4, 1, Http2Call(kReadVmLog)) +
                    Http2Frame(0, 0x1, 1, request)));
  ASSERT_TRUE(Eventually([this] { return fake_.log_bytes_sent > 0; }));
  EXPECT_TRUE(Eventually([this] { return tcp_->connections() <= 1; }));
  EXPECT_LT(fake_.log_bytes_sent, 64u << 20);
  EXPECT_OK(GetVmOver(bystander_));
}

// A hundred at a time are served; one more ends the connection, also of a client that
// never says that it knows the limit.
TEST_F(TcpAttackTest, StreamsOfAConnectionAreCounted) {
  for (const bool acknowledges : {true, false}) {
    attacker_ = std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = mallory_});
    ASSERT_EQ(attacker_->Handshake(), "");
    if (acknowledges) attacker_->Write(Http2Frame(4, 0x1, 0, ""));
    const int before = fake_.hung;
    const auto open = [this](std::uint32_t i) {
      const std::string message(5, '\0');  // StopVm of the fake vmd hangs
      attacker_->Write(Http2Frame(1, 0x4, 2 * i + 1, Http2Call("/banger.vm.v1.VmService/StopVm")) +
                       Http2Frame(0, 0x1, 2 * i + 1, message));
    };
    for (std::uint32_t i = 0; i < 100; ++i) open(i);
    ASSERT_TRUE(Eventually([&] { return fake_.hung == before + 100; })) << fake_.hung - before;
    open(100);
    EXPECT_TRUE(attacker_->IsEnded()) << acknowledges;
    EXPECT_EQ(fake_.hung, before + 100);
    EXPECT_TRUE(Eventually([this] { return fake_.cancelled == fake_.hung; }))
        << fake_.cancelled << " of " << fake_.hung;
  }
  EverybodyElseGoesOn();
}

}  // namespace
}  // namespace banger::gateway
