#include "services/agent/adapters/ssh_session.h"

#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "services/agent/adapters/login_shell.h"

namespace banger::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> Names(const fs::path& directory) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory))
    names.push_back(entry.path().filename());
  return names;
}

class HostKeyTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }

  TempDir dir_;
};

TEST_F(HostKeyTest, IsMadeOnceAndForRootOnly) {
  int made = 0;
  const auto make = [&made](const fs::path& path) {
    return WriteFileAtomically(path, "key " + std::to_string(++made), 0644);
  };
  ASSERT_OK_AND_ASSIGN(const fs::path key, HostKey(dir_.path() / "banger", make));
  EXPECT_THAT(HostKey(dir_.path() / "banger", make), IsOkAndHolds(key));
  EXPECT_THAT(ReadFile(key), IsOkAndHolds("key 1"));
  struct stat info {};
  ASSERT_EQ(::stat(key.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_THAT(Names(dir_.path() / "banger"), SizeIs(1));
}

TEST_F(HostKeyTest, ConnectionsThatComeTogetherGetTheSame) {
  std::atomic<int> number = 0;
  std::atomic<int> arrived = 0;
  std::vector<std::string> got(8);
  std::vector<std::thread> threads;
  for (std::string& one : got) {
    threads.emplace_back([&] {
      const auto key = HostKey(dir_.path(), [&](const fs::path& path) {
        for (++arrived; arrived < 8;) std::this_thread::yield();
        return WriteFileAtomically(path, std::to_string(++number));
      });
      if (key.ok()) one = ReadFile(*key).value_or("");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_NE(got[0], "");
  EXPECT_THAT(got, ::testing::Each(got[0]));
  EXPECT_THAT(Names(dir_.path()), SizeIs(1));
}

TEST_F(HostKeyTest, NothingStaysOfOneThatCouldNotBeMade) {
  EXPECT_THAT(HostKey(dir_.path(), [](const fs::path&) { return absl::InternalError("no entropy"); }),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("no entropy")));
  EXPECT_THAT(Names(dir_.path()), SizeIs(0));
}

TEST(ServeSshTest, AKeyWithOptionsIsRefused) {
  EXPECT_THAT(ServeSsh("command=\"x\" ssh-ed25519 AAAA"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(LoginShellTest, IsWhatDropbearCallsItAndNothingElse) {
  const auto called = [](std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return CalledAsShell(static_cast<int>(words.size()), argv.data());
  };
  EXPECT_TRUE(called({"-agent"}));
  EXPECT_TRUE(called({"agent", "-c", "--serve"}));
  EXPECT_FALSE(called({"banger-agent"}));
  EXPECT_FALSE(called({"/run/banger/agent", "--serve"}));
  EXPECT_FALSE(called({"/run/banger/agent", "--ssh-session", "-c"}));
}

TEST(LoginShellTest, AShellThatLetsNobodyInIsReplaced) {
  EXPECT_EQ(UsableShell("/bin/bash"), "/bin/bash");
  for (const char* shell : {"", "/usr/sbin/nologin", "/bin/false", "/no/such/shell"})
    EXPECT_EQ(UsableShell(shell), "/bin/sh") << shell;
}

}  // namespace
}  // namespace banger::agent
