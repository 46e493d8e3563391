#include "common/rpc/daemon.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::rpc {
namespace {

// Has begun to serve elsewhere when it is made, as the gateway by TCP.
class BusyParts final : public DaemonParts {
 public:
  BusyParts(WorkerPool& workers, bool& ended_in_time) : workers_(workers), ended_in_time_(ended_in_time) {}

  void Register(grpc::ServerBuilder&) override {}
  void OnShutdown() override {
    ended_in_time_ = workers_.Submit([] {});
  }

 private:
  WorkerPool& workers_;
  bool& ended_in_time_;
};

// In a process of its own, as it takes signals and the log.
TEST(DaemonTest, PartsEndBeforeTheirWorkersAlsoWhenTheSocketCannotBeMade) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  // Longer than a socket's path may be.
  const std::string root = dir.path() / std::string(120, 'd');
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::setenv("BANGER_ROOT", root.c_str(), 1);
    std::string words[] = {"banger-busy", "--log-level", "off"};
    char* argv[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    bool ended_in_time = false;
    const int code = RunDaemon(3, argv, {.name = "busy"}, [&](const DaemonContext& context) {
      return absl::StatusOr<std::unique_ptr<DaemonParts>>(
          std::make_unique<BusyParts>(context.workers, ended_in_time));
    });
    ::_exit(code == 1 && ended_in_time ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace banger::rpc
