#include "common/os/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ::testing::HasSubstr;

TEST(UnixSocketTest, TheServerKnowsWhoConnected) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::filesystem::path path = dir.path() / "s";
  ASSERT_OK_AND_ASSIGN(const UniqueFd listener, ListenUnix(path, 0660));
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0660u);

  ASSERT_OK_AND_ASSIGN(const UniqueFd client, ConnectUnix(path));
  const UniqueFd server(::accept(listener.get(), nullptr, nullptr));
  ASSERT_OK_AND_ASSIGN(const PeerCredentials peer, GetPeerCredentials(server.get()));
  EXPECT_EQ(peer.uid, ::getuid());
  EXPECT_EQ(peer.pid, ::getpid());
}

TEST(UnixSocketTest, AStaleSocketIsUnavailableAndReplaced) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::filesystem::path path = dir.path() / "s";
  EXPECT_THAT(ConnectUnix(path), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(ListenUnix(path, 0600));
  EXPECT_THAT(ConnectUnix(path), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("nobody listens")));
  ASSERT_OK_AND_ASSIGN(const UniqueFd listener, ListenUnix(path, 0600));
  EXPECT_THAT(ConnectUnix(path), IsOk());
}

TEST(UnixSocketTest, AListenerThatAcceptsNobodyHoldsNobodyForEver) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::filesystem::path path = dir.path() / "s";
  ASSERT_OK_AND_ASSIGN(const UniqueFd listener, ListenUnix(path, 0600));
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  std::vector<UniqueFd> waiting;
  absl::Status full;
  while (full.ok() && waiting.size() < 10) {
    absl::StatusOr<UniqueFd> client = ConnectUnix(path, std::chrono::milliseconds(0));
    full = client.status();
    if (client.ok()) waiting.push_back(*std::move(client));
  }
  EXPECT_THAT(full, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("accepts nobody")));
  EXPECT_FALSE(waiting.empty());
  const UniqueFd accepted(::accept(listener.get(), nullptr, nullptr));
  EXPECT_THAT(ConnectUnix(path), IsOk());
}

TEST(UnixSocketTest, ALongPathIsRefusedByName) {
  EXPECT_THAT(ListenUnix(std::string(200, 'x'), 0600),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("200 bytes")));
}

TEST(UnixSocketTest, DescriptorsTravel) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  UniqueFd a(pair[0]);
  const UniqueFd b(pair[1]);
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const UniqueFd read_end(pipe_fds[0]);
  {
    const UniqueFd write_end(pipe_fds[1]);
    ASSERT_OK(SendDescriptor(a.get(), write_end.get()));
  }
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd received, ReceiveDescriptor(b.get()));
    ASSERT_EQ(::write(received.get(), "x", 1), 1);
  }
  char byte = 0;
  EXPECT_EQ(::read(read_end.get(), &byte, 1), 1);
  a.Reset();
  EXPECT_THAT(ReceiveDescriptor(b.get()), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace banger
