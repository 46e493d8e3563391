#include "common/guestlink/guest_listener.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "common/guestlink/host_link.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/os/unix_socket.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"

namespace banger::guestlink {
namespace {

using namespace std::chrono_literals;

// The other threads of this process, as they are when it is made.
class OtherThreads {
 public:
  OtherThreads() {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      if (task.path().filename() == std::to_string(::gettid())) continue;
      auto stat = OpenFile(task.path() / "stat", O_RDONLY);
      EXPECT_OK(stat);
      stats_.push_back(*std::move(stat));
    }
  }
  // Whether each waits for something. One that asks again and again does not, however
  // little of a loaded machine's time it gets.
  bool Rest() const {
    return std::all_of(stats_.begin(), stats_.end(), [](const UniqueFd& stat) {
      char text[128];
      const ssize_t n = ::pread(stat.get(), text, sizeof text, 0);
      return n > 0 && absl::StrContains(absl::string_view(text, static_cast<std::size_t>(n)), ") S ");
    });
  }

 private:
  std::vector<UniqueFd> stats_;
};

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
  const OtherThreads others;
  {
    const NoDescriptors none;
    ASSERT_EQ(::connect(host.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_TRUE(Eventually([&] { return others.Rest(); }, 3s));
  }
  EXPECT_OK(HostLink::Greet(std::move(host), HostLink::Clock::now() + 20s, {}));
  EXPECT_TRUE(Eventually([&] { return sessions > 0; }));
}

}  // namespace
}  // namespace banger::guestlink
