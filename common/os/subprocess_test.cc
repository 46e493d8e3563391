#include "common/os/subprocess.h"

#include <fcntl.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ::testing::HasSubstr;

TEST(SubprocessTest, OutputErrorAndExitCodeComeBack) {
  ASSERT_OK_AND_ASSIGN(const CommandResult result,
                       RunCommand({.argv = {"sh", "-c", "cat; echo problem >&2; exit 7"}}, "some input"));
  EXPECT_EQ(result.out, "some input");
  EXPECT_EQ(result.err, "problem\n");
  EXPECT_EQ(result.status.code, 7);
}

TEST(SubprocessTest, MegabytesThroughBothWaysDoNotDeadlock) {
  const std::string input(4 << 20, 'x');
  EXPECT_THAT(RunCommandOk({.argv = {"cat"}}, input), IsOkAndHolds(input));
}

TEST(SubprocessTest, AFailureNamesTheCommandAndWhatItSaid) {
  EXPECT_THAT(RunCommandOk({.argv = {"sh", "-c", "echo no such disk >&2; exit 3"}}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("exit code 3: no such disk")));
  EXPECT_THAT(RunCommand({.argv = {"/none/program"}}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/none/program")));
}

TEST(SubprocessTest, AStopEndsTheCommand) {
  std::stop_source stop;
  std::jthread stopper([&stop] { stop.request_stop(); });
  EXPECT_THAT(RunCommand({.argv = {"sleep", "1000"}}, "", stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST(SubprocessTest, OnlyTheNamedDescriptorsReachTheChild) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  // Not close-on-exec on purpose: a leak of somebody else's.
  const UniqueFd leak(::open("/dev/null", O_RDONLY));
  ASSERT_OK_AND_ASSIGN(const UniqueFd wanted, OpenFile(dir.path() / "wanted", O_RDWR | O_CREAT));
  ASSERT_OK(RunCommandOk(
      {.argv = {"sh", "-c", "ls -l /proc/self/fd > /proc/self/fd/3"}, .fds = {{3, wanted.get()}}}));
  ASSERT_OK_AND_ASSIGN(const std::string list, ReadFile(dir.path() / "wanted"));
  EXPECT_THAT(list, HasSubstr("wanted"));
  EXPECT_THAT(list, ::testing::Not(HasSubstr(" " + std::to_string(leak.get()) + " -> /dev/null")));
}

TEST(SubprocessTest, TheDestructorKillsAndReaps) {
  pid_t pid = 0;
  {
    ASSERT_OK_AND_ASSIGN(const Subprocess child, Subprocess::Start({.argv = {"sleep", "1000"}}));
    pid = child.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(SubprocessTest, FindProgramSearchesPath) {
  EXPECT_THAT(FindProgram("sh"), IsOk());
  EXPECT_THAT(FindProgram("no-such-program"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no-such-program")));
}

}  // namespace
}  // namespace banger
