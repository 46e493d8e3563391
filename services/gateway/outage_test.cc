// Clients and daemons that go away.
#include <signal.h>

#include "services/gateway/testing/gateway_fixture.h"
#include "services/gateway/testing/peer_process.h"

namespace banger::gateway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class OutageTest : public GatewayTest {
 protected:
  absl::Status StopVm(std::chrono::milliseconds timeout = kSoon) {
    rpc::ClientCall call("", timeout);
    vm::v1::StopVmResponse response;
    return rpc::FromGrpc(vms_->StopVm(call.context(), {}, &response));
  }
};

MATCHER(IsVmdOutage, "") {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status.ToString();
  const ErrorMetadata metadata = GetErrorMetadata(status);
  return status.code() == absl::StatusCode::kUnavailable && ErrorReason(status) == "DAEMON_UNAVAILABLE" &&
         metadata.contains("daemon") && metadata.at("daemon") == "vmd";
}

TEST_F(OutageTest, ADaemonThatDoesNotComeIsNamedWithItsSocket) {
  const absl::StatusOr<vm::v1::Vm> vm = GetVm("vms/a");
  EXPECT_THAT(vm, IsVmdOutage());
  EXPECT_THAT(std::string(vm.status().message()),
              AllOf(HasSubstr("vmd is not running"), HasSubstr(paths_.Socket("vmd").string())));
  EXPECT_THAT(StopVm(), IsVmdOutage());
}

TEST_F(OutageTest, ACallsOwnDeadlineIsKeptWhileItWaits) {
  EXPECT_THAT(GetVm("vms/a", 50ms), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(OutageTest, CallsWaitForADaemonThatComesALittleLater) {
  absl::StatusOr<vm::v1::Vm> read;
  absl::Status change;
  std::thread reader([&] { read = GetVm("vms/a"); });
  std::thread changer([&] { change = StopVm(); });
  StartVmd();
  reader.join();
  EXPECT_OK(read);
  // Arrived once, and is still there.
  EXPECT_TRUE(Eventually([this] { return fake_.hung == 1; }));
  vmd_.reset();
  changer.join();
  EXPECT_FALSE(change.ok());
  EXPECT_EQ(fake_.hung, 1);
}

TEST_F(OutageTest, AClientThatIsKilledIsNoticedByTheDaemon) {
  StartVmd();
  ASSERT_OK_AND_ASSIGN(const PeerProcess client, PeerProcess::Start("client", socket()));
  ASSERT_TRUE(Eventually([this] { return fake_.hung == 1; }));
  EXPECT_EQ(fake_.cancelled, 0);
  ASSERT_OK(client.process.Signal(SIGKILL));
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == 1; }));
}

TEST_F(OutageTest, ACallThatWasUnderWayFailsWhenTheDaemonIsKilledAndIsNotSentAgain) {
  ASSERT_OK_AND_ASSIGN(std::optional<PeerProcess> vmd, PeerProcess::Start("vmd", paths_.Socket("vmd")));
  ASSERT_TRUE(Eventually([this] { return VmdIsSeen(); }));
  ASSERT_OK(GetVm("vms/a"));
  absl::Status change;
  std::thread changer([&] { change = StopVm(); });
  ASSERT_TRUE(vmd->Says("hangs"));
  ASSERT_OK(vmd->process.Signal(SIGKILL));
  StartVmd();
  changer.join();
  EXPECT_THAT(change, IsVmdOutage());
  EXPECT_EQ(fake_.hung, 0);
}

TEST_F(OutageTest, ReadsDoNotNoticeThatTheDaemonIsKilledAndStartedAgain) {
  std::atomic<bool> done = false;
  std::atomic<int> answered = 0;
  absl::Status failure;
  ASSERT_OK_AND_ASSIGN(std::optional<PeerProcess> vmd, PeerProcess::Start("vmd", paths_.Socket("vmd")));
  std::thread reader([&] {
    while (!done) {
      const absl::Status status = GetVm("vms/a").status();
      if (!status.ok()) failure = JoinErrors(failure, status);
      ++answered;
    }
  });
  for (int round = 0; round < 5; ++round) {
    const int before = answered;
    EXPECT_TRUE(Eventually([&] { return answered > before + 20; }));
    EXPECT_OK(vmd->process.Signal(SIGKILL));
    auto next = PeerProcess::Start("vmd", paths_.Socket("vmd"));
    EXPECT_OK(next);
    if (next.ok()) vmd = *std::move(next);
  }
  done = true;
  reader.join();
  EXPECT_OK(failure);
}

TEST_F(OutageTest, ReadsDoNotNoticeAnOrderlyRestartEither) {
  std::atomic<bool> done = false;
  std::atomic<int> answered = 0;
  absl::Status failure;
  StartVmd();
  std::thread reader([&] {
    while (!done) {
      const absl::Status status = GetVm("vms/a").status();
      if (!status.ok()) failure = JoinErrors(failure, status);
      ++answered;
    }
  });
  for (int round = 0; round < 10; ++round) {
    const int before = answered;
    EXPECT_TRUE(Eventually([&] { return answered > before + 20; }));
    vmd_.reset();
    StartVmd();
  }
  done = true;
  reader.join();
  EXPECT_OK(failure);
}

TEST_F(OutageTest, ADaemonThatComesBackAfterLongIsUsedAgain) {
  EXPECT_THAT(GetVm("vms/a"), IsVmdOutage());
  StartVmd();
  EXPECT_TRUE(Eventually([this] { return GetVm("vms/a").ok(); }));
}

}  // namespace
}  // namespace banger::gateway
