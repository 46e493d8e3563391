// Both ends of the link as with Firecracker: the host says CONNECT on a Unix
// socket, the guest's agent listens. In between a double of the VMM's part.
#include "common/guestlink/vsock.h"

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <thread>

#include "common/guestlink/guest_listener.h"
#include "common/guestlink/host_link.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/os/unix_socket.h"
#include "common/testing/status_matchers.h"

namespace banger::guestlink {
namespace {

using namespace std::chrono_literals;
using Clock = HostLink::Clock;
using ::testing::HasSubstr;

std::string ReadLine(int fd) {
  std::string line;
  for (char byte = 0; ::recv(fd, &byte, 1, 0) == 1 && byte != '\n';) line.push_back(byte);
  return line;
}

void Copy(int from, int to) {
  char bytes[4096];
  for (ssize_t n; (n = ::recv(from, bytes, sizeof bytes, 0)) > 0;)
    if (!WriteFully(to, {bytes, static_cast<std::size_t>(n)}).ok()) break;
  ::shutdown(to, SHUT_WR);
}

// The VMM's vsock: takes CONNECT and leads to the guest's socket, once the guest
// listens; closes the connection before.
class Vmm {
 public:
  Vmm(std::filesystem::path socket, std::filesystem::path guest) : guest_(std::move(guest)) {
    auto listener = ListenUnix(socket, 0600);
    EXPECT_OK(listener);
    listener_ = *std::move(listener);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Vmm() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::atomic<bool> guest_listens = true;
  std::atomic<int> connects = 0;
  std::string answer = "OK 1073741824\n";

 private:
  void Serve() {
    std::vector<std::jthread> connections;
    for (;;) {
      UniqueFd host(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!host.valid()) return;
      ++connects;
      EXPECT_EQ(ReadLine(host.get()), "CONNECT 1024");
      if (!guest_listens) continue;
      connections.emplace_back([this, host = std::move(host)] {
        const auto guest = ConnectUnix(guest_);
        if (!guest.ok() || !WriteFully(host.get(), answer).ok()) return;
        std::thread back([&] { Copy(guest->get(), host.get()); });
        Copy(host.get(), guest->get());
        back.join();
      });
    }
  }

  const std::filesystem::path guest_;
  UniqueFd listener_;
  std::thread thread_;
};

class VsockTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create("/tmp")); }
  std::filesystem::path HostSocket() const { return dir_.path() / "vsock"; }
  std::filesystem::path GuestSocket() const { return dir_.path() / "guest"; }

  // An agent that sends back what it gets.
  std::unique_ptr<GuestListener> StartAgent() {
    auto listener = ListenUnix(GuestSocket(), 0600);
    EXPECT_OK(listener);
    auto agent = GuestListener::Start(*std::move(listener), [this](UniqueFd stream) {
      echoes_.emplace_back([stream = std::move(stream)] {
        for (;;) {
          pollfd in{stream.get(), POLLIN, 0};
          ::poll(&in, 1, -1);
          char bytes[100];
          const ssize_t n = ::recv(stream.get(), bytes, sizeof bytes, 0);
          if (n <= 0 || !WriteFully(stream.get(), {bytes, static_cast<std::size_t>(n)}).ok()) return;
        }
      });
    });
    EXPECT_OK(agent);
    return *std::move(agent);
  }

  absl::StatusOr<std::unique_ptr<HostLink>> Link() {
    auto socket = ConnectVsock(HostSocket(), kAgentVsockPort, Clock::now() + 10s, {});
    if (!socket.ok()) return socket.status();
    return HostLink::Greet(*std::move(socket), Clock::now() + 10s, {});
  }

  static std::string Echo(int stream, const std::string& text) {
    EXPECT_OK(WriteFully(stream, text));
    std::string back(text.size(), '\0');
    std::size_t done = 0;
    while (done < back.size()) {
      pollfd in{stream, POLLIN, 0};
      if (::poll(&in, 1, 10'000) <= 0) return "nothing";
      const ssize_t n = ::recv(stream, back.data() + done, back.size() - done, 0);
      if (n <= 0) return "ended";
      done += static_cast<std::size_t>(n);
    }
    return back;
  }

  TempDir dir_;
  std::vector<std::jthread> echoes_;
};

TEST_F(VsockTest, ASessionRunsThroughTheVmmsSocket) {
  const auto agent = StartAgent();
  const Vmm vmm(HostSocket(), GuestSocket());
  ASSERT_OK_AND_ASSIGN(const auto link, Link());
  const UniqueFd stream = link->TakeStream();
  EXPECT_EQ(Echo(stream.get(), "hello"), "hello");
}

TEST_F(VsockTest, ANewConnectionTakesTheAgentFromTheFormer) {
  const auto agent = StartAgent();
  const Vmm vmm(HostSocket(), GuestSocket());
  ASSERT_OK_AND_ASSIGN(const auto lost, Link());
  const UniqueFd former = lost->TakeStream();
  EXPECT_EQ(Echo(former.get(), "one"), "one");
  ASSERT_OK_AND_ASSIGN(const auto link, Link());
  const UniqueFd stream = link->TakeStream();
  EXPECT_EQ(Echo(stream.get(), "two"), "two");
  pollfd end{former.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&end, 1, 10'000), 1);
  char byte = 0;
  EXPECT_LE(::recv(former.get(), &byte, 1, 0), 0);
}

TEST_F(VsockTest, AGuestThatDoesNotListenYetIsAskedAgain) {
  const auto agent = StartAgent();
  Vmm vmm(HostSocket(), GuestSocket());
  vmm.guest_listens = false;
  std::jthread boots([&vmm] {
    while (vmm.connects < 3) std::this_thread::yield();
    vmm.guest_listens = true;
  });
  EXPECT_OK(Link());
}

TEST_F(VsockTest, WaitingEndsAtTheDeadlineAndWhenStopped) {
  Vmm vmm(HostSocket(), GuestSocket());
  vmm.guest_listens = false;
  EXPECT_THAT(ConnectVsock(HostSocket(), kAgentVsockPort, Clock::now() + 50ms, {}),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  std::stop_source source;
  std::jthread stopper([&] {
    while (vmm.connects < 2) std::this_thread::yield();
    source.request_stop();
  });
  EXPECT_THAT(ConnectVsock(HostSocket(), kAgentVsockPort, Clock::now() + 1h, source.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(VsockTest, AnotherProtocolAndAVmmThatIsGoneAreErrors) {
  const auto agent = StartAgent();
  {
    Vmm vmm(HostSocket(), GuestSocket());
    vmm.answer = std::string(1000, 'x');
    EXPECT_THAT(ConnectVsock(HostSocket(), kAgentVsockPort, Clock::now() + 10s, {}),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("something else")));
  }
  EXPECT_THAT(ConnectVsock(HostSocket(), kAgentVsockPort, Clock::now() + 10s, {}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(ConnectVsock(dir_.path() / "none", kAgentVsockPort, Clock::now() + 10s, {}),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace banger::guestlink
