// Who watches learns of every change, in order, and holds nobody up.
#include "services/vmd/core/vm_events.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "services/vmd/errors.h"
#include "services/vmd/testing/manager_fixture.h"

namespace banger::vmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

VmEvent Named(const std::string& name) { return {.vm = {.uid = name, .name = name}}; }

class VmEventsTest : public ManagerFixture {
 protected:
  // "box STARTING", "box deleted", as many as there are.
  std::vector<std::string> Seen(VmEvents::Position& position) {
    std::vector<std::string> seen;
    while (position < vms_->events().Now()) {
      const auto event = vms_->events().Next(position, {});
      if (!event.ok()) return {std::string(event.status().message())};
      seen.push_back(
          absl::StrCat((*event)->vm.name, " ",
                       (*event)->deleted ? "deleted" : absl::StrCat(static_cast<int>((*event)->vm.state))));
    }
    // One state may be stored more than once.
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    return seen;
  }
};

TEST_F(VmEventsTest, AVmsLifeIsSeenStateByState) {
  VmEvents::Position position = vms_->events().Now();
  ASSERT_OK(Create("box"));
  EXPECT_THAT(Seen(position), ElementsAre("box 2", "box 3"));
  ASSERT_OK(vms_->Stop("box", std::chrono::seconds(5), {}));
  EXPECT_THAT(Seen(position), ElementsAre("box 4", "box 5"));
  ASSERT_OK(vms_->Delete("box", false, {}));
  EXPECT_THAT(Seen(position), ElementsAre("box deleted"));
}

TEST_F(VmEventsTest, AnEndThatNobodyAskedForAndNewPortsAreSeen) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box"));
  VmEvents::Position position = vms_->events().Now();
  world_.vmm.End(box.vm.uid, {VmmExit::Kind::kEnded, "signal 9"});
  EXPECT_THAT(Seen(position), ElementsAre("box 5"));
  ASSERT_OK(vms_->PublishPort("box", {.host_port = 8080, .guest_port = 80}, {}));
  EXPECT_THAT(Seen(position), ElementsAre("box 5"));
}

TEST_F(VmEventsTest, ACreateThatFailsIsSeenToGo) {
  VmEvents::Position position = vms_->events().Now();
  world_.host.FailAt("MakeDisks", DiskFull("no space"));
  EXPECT_FALSE(Create("box").ok());
  EXPECT_THAT(Seen(position), ElementsAre("box 2", "box deleted"));
}

TEST(VmEventLogTest, WhoIsTooFarBehindIsToldAndNobodyWaitsForHim) {
  VmEvents events;
  VmEvents::Position slow = events.Now();
  for (std::size_t i = 0; i < VmEvents::kKept; ++i) events.Publish(Named(absl::StrCat(i)));
  VmEvents::Position just = slow;
  EXPECT_EQ((*events.Next(just, {}))->vm.name, "0");
  events.Publish(Named("one more"));
  EXPECT_EQ(ErrorReason(events.Next(slow, {}).status()), "WATCH_EXPIRED");
  EXPECT_EQ((*events.Next(just, {}))->vm.name, "1");
}

TEST(VmEventLogTest, ATokenLeadsBackAsLongAsNothingIsMissing) {
  VmEvents events;
  events.Publish(Named("first"));
  const std::string token = events.Token(events.Now());
  events.Publish(Named("second"));
  ASSERT_OK_AND_ASSIGN(VmEvents::Position position, events.Parse(token));
  EXPECT_EQ((*events.Next(position, {}))->vm.name, "second");
  for (std::size_t i = 0; i < VmEvents::kKept; ++i) events.Publish(Named("x"));
  EXPECT_EQ(ErrorReason(events.Parse(token).status()), "WATCH_EXPIRED");
  EXPECT_EQ(ErrorReason(VmEvents().Parse(token).status()), "WATCH_EXPIRED");
  for (const std::string& wrong :
       {std::string("x"), std::string("-"), token + "00000", token + "-1", token + "x"})
    EXPECT_THAT(events.Parse(wrong), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("resume_token")))
        << wrong;
}

TEST(VmEventLogTest, AWaitEndsWithTheNextEventOrItsCaller) {
  VmEvents events;
  VmEvents::Position position = events.Now();
  std::jthread publisher([&] { events.Publish(Named("box")); });
  EXPECT_EQ((*events.Next(position, {}))->vm.name, "box");
  std::stop_source stop;
  std::jthread leaver([&] { stop.request_stop(); });
  EXPECT_THAT(events.Next(position, stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
}

TEST(VmEventLogTest, PlacesAreLimitedAndGivenBack) {
  VmEvents events;
  std::vector<VmEvents::Seat> seats;
  for (int i = 0; i < VmEvents::kMaxWatchers; ++i) {
    auto seat = events.Sit();
    ASSERT_OK(seat);
    seats.push_back(*std::move(seat));
  }
  EXPECT_THAT(events.Sit().status(), StatusIs(absl::StatusCode::kResourceExhausted));
  seats.pop_back();
  EXPECT_OK(events.Sit().status());
}

}  // namespace
}  // namespace banger::vmd
