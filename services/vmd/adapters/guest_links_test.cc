#include "services/vmd/adapters/guest_links.h"

#include <thread>

#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/vmd/testing/fake_agent.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;

// A guest whose agent is not there yet.
class GuestLinksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create("/tmp"));
    links_.Open("box", {.socket = dir_.path() / "agent"}, {});
  }

  TempDir dir_;
  GuestLinks links_;
};

TEST_F(GuestLinksTest, WhoHasLittlePatienceTakesNoneFromOthers) {
  absl::Status impatient, patient;
  std::thread first([&] { impatient = links_.WaitReady("box", 100ms, {}); });
  std::thread second([&] { patient = links_.WaitReady("box", 30s, {}); });
  first.join();
  EXPECT_THAT(impatient, StatusIs(absl::StatusCode::kDeadlineExceeded));
  const FakeAgent agent(dir_.path() / "agent");
  second.join();
  EXPECT_OK(patient);
}

TEST_F(GuestLinksTest, WhoIsPatientKeepsNobodyElse) {
  std::stop_source stop;
  std::thread patient([&] { links_.WaitReady("box", 1h, stop.get_token()).IgnoreError(); });
  EXPECT_THAT(links_.PowerOff("box", 50ms, {}), StatusIs(absl::StatusCode::kDeadlineExceeded));
  stop.request_stop();
  patient.join();
}

TEST_F(GuestLinksTest, TheEndOfARunEndsTheWaitForItsAgentAndTheNextRunBeginsAnew) {
  absl::Status waited;
  std::thread waiter([&] { waited = links_.WaitReady("box", 1h, {}); });
  EXPECT_THAT(links_.WaitReady("box", 50ms, {}), StatusIs(absl::StatusCode::kDeadlineExceeded));
  links_.Close("box");
  waiter.join();
  EXPECT_THAT(waited, StatusIs(absl::StatusCode::kUnavailable));

  const FakeAgent agent(dir_.path() / "agent");
  links_.Open("box", {.socket = dir_.path() / "agent"}, {});
  EXPECT_OK(links_.WaitReady("box", 30s, {}));
}

}  // namespace
}  // namespace banger::vmd
