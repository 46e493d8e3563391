#include "common/guestlink/guest_listener.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <chrono>
#include <ctime>

#include "common/guestlink/host_link.h"
#include "common/os/temp_dir.h"
#include "common/os/unix_socket.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"

namespace banger::guestlink {
namespace {

using namespace std::chrono_literals;

// What all threads of this process have computed.
std::chrono::nanoseconds CpuTime() {
  timespec used{};
  EXPECT_EQ(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

// While it lives nobody here gets a new descriptor.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none{.rlim_cur = 3, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_{};
};

TEST(GuestListenerTest, WithoutDescriptorsItRestsAndServesAfterwards) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create("/tmp"));
  const std::string path = (dir.path() / "guest").string();
  ASSERT_OK_AND_ASSIGN(UniqueFd socket, ListenUnix(path, 0600));
  std::atomic<int> sessions = 0;
  ASSERT_OK_AND_ASSIGN(const auto guest,
                       GuestListener::Start(std::move(socket), [&](const UniqueFd&) { ++sessions; }));
  UniqueFd host(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  {
    const NoDescriptors none;
    ASSERT_EQ(::connect(host.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const std::chrono::nanoseconds before = CpuTime();
    EXPECT_FALSE(Eventually([&] { return CpuTime() - before > 200ms; }, 600ms));
  }
  EXPECT_OK(HostLink::Greet(std::move(host), HostLink::Clock::now() + 20s, {}));
  EXPECT_TRUE(Eventually([&] { return sessions > 0; }));
}

}  // namespace
}  // namespace banger::guestlink
