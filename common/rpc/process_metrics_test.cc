#include "common/rpc/process_metrics.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/testing/countdown.h"
#include "common/testing/eventually.h"

namespace banger::rpc {
namespace {

// What there is of it, by name.
std::map<std::string, double> ValuesOf(ProcessMetrics& process) {
  prometheus::Registry registry;
  process.AddTo(registry);
  std::map<std::string, double> values;
  for (const prometheus::MetricFamily& family : registry.Collect()) {
    EXPECT_EQ(family.metric.size(), 1u) << family.name;
    const prometheus::ClientMetric& metric = family.metric.at(0);
    values[family.name] =
        family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
  }
  return values;
}

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

TEST(ProcessMetricsTest, AreThoseOfThisProcess) {
  ProcessMetrics process;
  const std::map<std::string, double> values = ValuesOf(process);
  EXPECT_THAT(values, ::testing::SizeIs(7));
  EXPECT_GT(values.at("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(values.at("process_virtual_memory_bytes"), values.at("process_resident_memory_bytes"));
  EXPECT_GE(values.at("process_cpu_seconds_total"), 0);
  EXPECT_GT(values.at("process_max_fds"), values.at("process_open_fds"));
  // A test runs for minutes at most, and the kernel counts in hundredths of a second.
  EXPECT_GT(values.at("process_start_time_seconds"), Now() - 3600);
  EXPECT_LT(values.at("process_start_time_seconds"), Now() + 1);
}

[[noreturn]] void TellWhatTenFilesAndAThreadAdd() {
  ProcessMetrics process;
  const std::map<std::string, double> before = ValuesOf(process);
  std::vector<UniqueFd> files;
  for (int i = 0; i < 10; ++i) files.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Countdown end(1);
  std::jthread thread([&end] { end.Wait(); });
  const std::map<std::string, double> more = ValuesOf(process);
  end.CountDown();
  thread.join();
  std::fprintf(stderr, "%g descriptors, %g threads",
               more.at("process_open_fds") - before.at("process_open_fds"),
               more.at("process_threads") - before.at("process_threads"));
  std::exit(0);
}

// In a process of its own: in this one gRPC may give back what earlier tests had of it.
TEST(ProcessMetricsDeathTest, DescriptorsAndThreadsAreCounted) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(TellWhatTenFilesAndAThreadAdd(), ::testing::ExitedWithCode(0), "10 descriptors, 1 threads");
}

TEST(ProcessMetricsTest, CpuTimeGrowsWithWork) {
  ProcessMetrics process;
  const double before = ValuesOf(process).at("process_cpu_seconds_total");
  // Each look is work.
  EXPECT_TRUE(Eventually([&] { return ValuesOf(process).at("process_cpu_seconds_total") > before; }));
}

TEST(ProcessMetricsTest, AProgramMayHaveAnyName) {
  ProcessMetrics process;
  char name[16] = {};
  ASSERT_EQ(::prctl(PR_GET_NAME, name), 0);
  ASSERT_EQ(::prctl(PR_SET_NAME, ") R 1 (2 3) 4"), 0);
  const std::map<std::string, double> values = ValuesOf(process);
  ::prctl(PR_SET_NAME, name);
  EXPECT_GT(values.at("process_resident_memory_bytes"), 1 << 20);
  EXPECT_LT(values.at("process_threads"), 100);
}

}  // namespace
}  // namespace banger::rpc
