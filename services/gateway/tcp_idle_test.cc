// Clients by TCP that ask nothing, or are not there any more.
#include "services/gateway/testing/tcp_fixture.h"

namespace banger::gateway {
namespace {

using namespace std::chrono_literals;

class TcpIdleTest : public TcpTest {
 protected:
  // A call that hangs, from a client that answers no ping. Its own limits may end the
  // connection before the call is there, on a busy machine.
  bool HangAndGo(std::unique_ptr<RawTls>& gone) {
    gone = std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = bob_});
    return gone->Handshake().empty() &&
           gone->Write(Http2Frame(1, 0x4, 1, Http2Call("/banger.vm.v1.VmService/StopVm")) +
                       Http2Frame(0, 0x1, 1, std::string(5, '\0'))) &&
           banger::Eventually([this] { return fake_.hung > 0; }, 1s);
  }
};

TEST_F(TcpIdleTest, AConnectionWithoutACallEndsAfterAWhile) {
  limits_.idle = 100ms;
  StartTcp();
  RawTls idle(tcp_->port(), {.certificate = bob_});
  ASSERT_EQ(idle.Handshake(), "");
  idle.ReadToTheEnd();
  EXPECT_TRUE(Eventually([this] { return tcp_->connections() == 0; }));
}

TEST_F(TcpIdleTest, AClientThatIsNotThereAnyMoreIsNoticed) {
  limits_.ping = 100ms;
  limits_.pong = 100ms;
  StartTcp();
  std::unique_ptr<RawTls> gone;
  ASSERT_TRUE(Eventually([&] { return HangAndGo(gone); }));
  gone->ReadToTheEnd();
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == fake_.hung; }));
  EXPECT_TRUE(Eventually([this] { return tcp_->connections() == 0; }));
}

}  // namespace
}  // namespace banger::gateway
