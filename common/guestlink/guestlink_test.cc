#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "common/guestlink/testing/link_ends.h"

namespace banger::guestlink {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(GuestLinkTest, BytesGoBothWays) {
  SocketPair wire;
  Sessions sessions;
  const auto guest = StartGuest(std::move(wire.a), sessions);
  const auto host = Greet(std::move(wire.b));
  ASSERT_NE(host, nullptr);
  const UniqueFd here = host->TakeStream();
  const UniqueFd there = sessions.Last();
  SendAll(here.get(), "ping");
  EXPECT_EQ(Receive(there.get(), 4), "ping");
  SendAll(there.get(), "pong!");
  EXPECT_EQ(Receive(here.get(), 5), "pong!");
}

TEST(GuestLinkTest, AGreetingWaitsForAGuestThatStartsLater) {
  SocketPair wire;
  Sessions sessions;
  std::unique_ptr<HostLink> host;
  std::thread greeter([&] { host = Greet(std::move(wire.b)); });
  // The greeting is there before the guest is.
  pollfd waiting{wire.a.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 10000), 1);
  const auto guest = StartGuest(std::move(wire.a), sessions);
  greeter.join();
  ASSERT_NE(host, nullptr);
}

TEST(GuestLinkTest, MegabytesBothWaysAtOnceArriveWhole) {
  SocketPair wire;
  Sessions sessions;
  const auto guest = StartGuest(std::move(wire.a), sessions);
  const auto host = Greet(std::move(wire.b));
  ASSERT_NE(host, nullptr);
  const UniqueFd here = host->TakeStream();
  const UniqueFd there = sessions.Last();
  std::string down(20 << 20, 'd');
  for (std::size_t i = 0; i < down.size(); i += 4096) down[i] = static_cast<char>(i / 4096);
  const std::string up(down.rbegin(), down.rend());
  std::string received_down;
  std::jthread a([&] { SendAll(here.get(), down); });
  std::jthread b([&] { SendAll(there.get(), up); });
  std::jthread c([&] { received_down = Receive(there.get(), down.size()); });
  EXPECT_TRUE(Receive(here.get(), up.size()) == up);
  c.join();
  EXPECT_TRUE(received_down == down);
}

TEST(GuestLinkTest, ANewHostIsInStepAfterOneThatVanishedWithMegabytesUnderWay) {
  FakePort port;
  Sessions sessions;
  const auto guest = StartGuest(port.TakeGuestEnd(), sessions);
  for (int round = 0; round < 10; ++round) {
    UniqueFd stream;
    UniqueFd there;
    {
      const auto host = Greet(port.ConnectHost());
      ASSERT_NE(host, nullptr) << round;
      stream = host->TakeStream();
      there = sessions.Last();
      SendAll(stream.get(), "first");
      ASSERT_EQ(Receive(there.get(), 5), "first") << round;
      // Neither end reads: the pipe fills in both directions.
      const std::string flood(300 << 10, static_cast<char>('0' + round));
      ::send(stream.get(), flood.data(), flood.size(), MSG_NOSIGNAL);
      ::send(there.get(), flood.data(), flood.size(), MSG_NOSIGNAL);
      // The next host takes the port away before this one says good-bye.
      const UniqueFd next = port.ConnectHost();
    }
    EXPECT_TRUE(Ended(stream.get())) << round;
  }
}

TEST(GuestLinkTest, TheGuestsEndIsHeardByTheHost) {
  SocketPair wire;
  Sessions sessions;
  auto guest = StartGuest(std::move(wire.a), sessions);
  const auto host = Greet(std::move(wire.b));
  ASSERT_NE(host, nullptr);
  const UniqueFd stream = host->TakeStream();
  const UniqueFd there = sessions.Last();
  guest.reset();  // says CLOSE
  EXPECT_TRUE(Ended(stream.get()));
}

TEST(GuestLinkTest, ARestartedGuestEndsTheHostsSession) {
  SocketPair wire;
  UniqueFd wire_again(::fcntl(wire.a.get(), F_DUPFD_CLOEXEC, 3));
  std::unique_ptr<HostLink> host;
  std::thread greeter([&] { host = Greet(std::move(wire.b)); });
  // A guest that answers, begins a frame and dies.
  ASSERT_EQ(Receive(wire.a.get(), kMaxFrame).size(), kMaxFrame);
  Decoder decoder;
  const std::string hello = Receive(wire.a.get(), kHeaderSize + kTrailerSize);
  std::size_t space = 0;
  std::copy(hello.begin(), hello.end(), decoder.Space(&space));
  decoder.Added(hello.size());
  const auto frame = decoder.Peek();
  ASSERT_TRUE(frame.has_value());
  SendAll(wire.a.get(), EncodeAfterPreamble(FrameType::kAck, frame->session));
  greeter.join();
  ASSERT_NE(host, nullptr);
  SendAll(wire.a.get(), EncodeFrame(FrameType::kData, frame->session, "some bytes").substr(0, 20));
  wire.a.Reset();

  Sessions sessions;
  const UniqueFd stream = host->TakeStream();
  const auto guest = StartGuest(std::move(wire_again), sessions);
  EXPECT_TRUE(Ended(stream.get()));
}

TEST(GuestLinkTest, TheHostsEndIsHeardByTheGuest) {
  SocketPair wire;
  Sessions sessions;
  const auto guest = StartGuest(std::move(wire.a), sessions);
  auto host = Greet(std::move(wire.b));
  ASSERT_NE(host, nullptr);
  const UniqueFd there = sessions.Last();
  host.reset();
  EXPECT_TRUE(Ended(there.get()));
}

TEST(GuestLinkTest, ASlowReaderHoldsTheSenderBack) {
  SocketPair wire;
  Sessions sessions;
  const auto guest = StartGuest(std::move(wire.a), sessions);
  const auto host = Greet(std::move(wire.b));
  ASSERT_NE(host, nullptr);
  const UniqueFd here = host->TakeStream();
  const UniqueFd there = sessions.Last();
  const std::string block(64 << 10, 'x');
  std::size_t sent = 0;
  pollfd out{there.get(), POLLOUT, 0};
  while (sent < (64 << 20) && ::poll(&out, 1, 300) > 0) {
    const ssize_t n = ::send(there.get(), block.data(), block.size(), MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<std::size_t>(n);
  }
  // Only what the kernel's socket buffers hold went in; all of it comes out.
  EXPECT_LT(sent, 8U << 20);
  EXPECT_EQ(Receive(here.get(), sent).size(), sent);
}

TEST(GuestLinkTest, AHostileGuestGetsNowhereWithGarbage) {
  SocketPair wire;
  std::jthread flood([&wire](const std::stop_token& stop) {
    std::string garbage(60 << 10, 'B');
    for (std::size_t i = 0; i < garbage.size(); i += 97) garbage.replace(i, 4, "BGL1", 4);
    garbage += EncodeFrame(FrameType::kData, 1, "x") + EncodeFrame(FrameType::kAck, 2) +
               EncodeFrame(FrameType::kClose, kAnySession);
    while (!stop.stop_requested() && ::send(wire.a.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL) > 0) {
      char drop[4096];
      while (::recv(wire.a.get(), drop, sizeof drop, MSG_DONTWAIT) > 0) {
      }
    }
  });
  EXPECT_THAT(HostLink::Greet(std::move(wire.b), Clock::now() + 300ms, {}),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST(GuestLinkTest, GarbageWithinASessionEndsIt) {
  SocketPair wire;
  const UniqueFd intruder(::fcntl(wire.a.get(), F_DUPFD_CLOEXEC, 3));
  Sessions sessions;
  const auto guest = StartGuest(std::move(wire.a), sessions);
  const auto host = Greet(std::move(wire.b));
  ASSERT_NE(host, nullptr);
  const UniqueFd stream = host->TakeStream();
  SendAll(intruder.get(), "no frame");
  EXPECT_TRUE(Ended(stream.get()));
}

TEST(GuestLinkTest, GreetingEndsWhenStoppedAndWhenThePeerIsGone) {
  SocketPair wire;
  std::stop_source stop;
  std::jthread stopper([&stop] { stop.request_stop(); });
  EXPECT_THAT(HostLink::Greet(std::move(wire.b), Clock::now() + 1h, stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
  SocketPair gone;
  gone.a.Reset();
  EXPECT_THAT(HostLink::Greet(std::move(gone.b), Clock::now() + 1h, {}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(HostLink::Connect("/none/agent.sock", Clock::now() + 1s, {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/none/agent.sock")));
}

}  // namespace
}  // namespace banger::guestlink
