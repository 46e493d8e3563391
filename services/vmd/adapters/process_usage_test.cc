#include "services/vmd/adapters/process_usage.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"

namespace banger::vmd {
namespace {

TEST(ProcessUsageTest, ARealProcessHasTimesAndMemory) {
  std::vector<char> held(8 << 20, 'x');
  ProcessUsage meter;
  ASSERT_OK_AND_ASSIGN(const HostUsage before, meter.Measure(::getpid()));
  EXPECT_GT(before.memory_bytes, static_cast<std::int64_t>(held.size()));
  EXPECT_FALSE(before.stopped);
  // Burn until it shows.
  EXPECT_TRUE(Eventually([&] {
    for (char& c : held) c = static_cast<char>(c * 7 + 1);
    const auto now = meter.Measure(::getpid());
    return now.ok() && now->cpu_time > before.cpu_time;
  }));
  EXPECT_THAT(meter.Measure(0x7ffffff0), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ProcessUsageTest, AStoppedProcessIsSeenToBe) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, WUNTRACED), pid);
  EXPECT_TRUE(ProcessUsage().Measure(pid)->stopped);
  ::kill(pid, SIGCONT);
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
}

TEST(ProcessUsageTest, TheCountersOfTheTapAreTheGuestsTheOtherWayRound) {
  ASSERT_OK_AND_ASSIGN(const TempDir proc, TempDir::Create());
  const auto write = [&](const std::string& name, const std::string& content) {
    ASSERT_OK(MakeDirectories((proc.path() / "7" / name).parent_path()));
    ASSERT_OK(WriteFileAtomically(proc.path() / "7" / name, content));
  };
  write("stat", "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 99 1 1");
  write("statm", "1000 20 3 4 5 6 7");
  write("io", "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 8192\n");
  write("fdinfo/4", "pos:\t0\nflags:\t02\n");
  write("fdinfo/5", "pos:\t0\nflags:\t02\niff:\tbgr-ac1e0002\n");
  write("net/dev",
        "Inter-| Receive | Transmit\n"
        "bgr-ac1e0002: 111 1 0 0 0 0 0 0 222 2 0 0 0 0 0 0\n"
        " bgr-ac1e00: 333 1 0 0 0 0 0 0 444 2 0 0 0 0 0 0\n");
  ASSERT_OK_AND_ASSIGN(const HostUsage usage, ProcessUsage(proc.path()).Measure(7));
  EXPECT_EQ(usage.cpu_time, std::chrono::microseconds(300'000'000 / ::sysconf(_SC_CLK_TCK)));
  EXPECT_EQ(usage.memory_bytes, 20 * ::sysconf(_SC_PAGESIZE));
  EXPECT_EQ(usage.disk_read_bytes, 4096);
  EXPECT_EQ(usage.disk_written_bytes, 8192);
  EXPECT_EQ(usage.network_sent_bytes, 111);
  EXPECT_EQ(usage.network_received_bytes, 222);
}

}  // namespace
}  // namespace banger::vmd
