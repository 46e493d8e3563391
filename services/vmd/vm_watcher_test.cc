// WatchVms over the wire.
#include <set>

#include "absl/strings/str_format.h"
#include "services/vmd/testing/service_fixture.h"

namespace banger::vmd {
namespace {

using ::testing::HasSubstr;
using vm::v1::WatchVmsResponse;

class WatchVmsTest : public ServiceFixture {
 protected:
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<WatchVmsResponse>> reader;

    WatchVmsResponse Next() {
      WatchVmsResponse response;
      EXPECT_TRUE(reader->Read(&response));
      return response;
    }
    absl::Status End() {
      context.TryCancel();
      return rpc::FromGrpc(reader->Finish());
    }
  };
  std::unique_ptr<Watch> Begin(const std::string& token = "") {
    auto watch = std::make_unique<Watch>();
    vm::v1::WatchVmsRequest request;
    request.set_resume_token(token);
    watch->reader = stub_->WatchVms(&watch->context, request);
    return watch;
  }
};

TEST_F(WatchVmsTest, AllThatThereAreComeFirstThenWhatChanges) {
  CreateVm("old");
  const auto watch = Begin();
  const WatchVmsResponse list = watch->Next();
  ASSERT_EQ(list.vms_size(), 1);
  EXPECT_EQ(list.vms(0).name(), "vms/old");
  EXPECT_EQ(list.resume_token(), "");
  EXPECT_TRUE(watch->Next().synced());

  ASSERT_OK(vms_->Stop("old", std::chrono::seconds(5), {}));
  EXPECT_EQ(watch->Next().vms(0).state(), vm::v1::Vm::STATE_STOPPING);
  const WatchVmsResponse stopped = watch->Next();
  EXPECT_EQ(stopped.vms(0).state(), vm::v1::Vm::STATE_STOPPED);
  ASSERT_OK(vms_->Delete("old", false, {}));
  EXPECT_EQ(watch->Next().deleted_vms(0).name(), "vms/old");
  EXPECT_THAT(watch->End(), StatusIs(absl::StatusCode::kCancelled));

  // From a token on, without the list.
  const auto again = Begin(stopped.resume_token());
  EXPECT_TRUE(again->Next().synced());
  EXPECT_EQ(again->Next().deleted_vms(0).name(), "vms/old");
}

TEST_F(WatchVmsTest, ALongListComesInPagesAndEachVmOnce) {
  std::set<std::string> made;
  for (int i = 0; i < 250; ++i) {
    Vm vm{.uid = absl::StrFormat("%012x", i), .name = absl::StrCat("vm-", i)};
    ASSERT_OK(world_.store.Insert(vm));
    made.insert(vm.uid);
  }
  const auto watch = Begin();
  std::multiset<std::string> seen;
  for (;;) {
    const WatchVmsResponse page = watch->Next();
    if (page.synced()) break;
    for (const vm::v1::Vm& vm : page.vms()) seen.insert(vm.uid());
  }
  EXPECT_EQ(seen, std::multiset<std::string>(made.begin(), made.end()));
}

TEST_F(WatchVmsTest, AReaderThatIsTooSlowIsDroppedWithAnErrorAndHoldsNobodyUp) {
  const auto slow = Begin();
  EXPECT_TRUE(slow->Next().synced());
  // More than the connection's window and what is kept.
  const Vm vm{.uid = "0123456789ab", .name = "box", .state_detail = std::string(4096, 'x')};
  for (std::size_t i = 0; i < 2 * VmEvents::kKept; ++i) vms_->events().Publish({.vm = vm});
  const auto quick = Begin();
  EXPECT_TRUE(quick->Next().synced());
  WatchVmsResponse response;
  while (slow->reader->Read(&response)) continue;
  const absl::Status dropped = rpc::FromGrpc(slow->reader->Finish());
  EXPECT_EQ(ErrorReason(dropped), "WATCH_EXPIRED");
  EXPECT_THAT(dropped, StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("read too slowly")));
}

TEST_F(WatchVmsTest, ATokenThatIsNoneIsRefused) {
  const auto watch = Begin("nonsense");
  WatchVmsResponse response;
  EXPECT_FALSE(watch->reader->Read(&response));
  EXPECT_EQ(ErrorReason(rpc::FromGrpc(watch->reader->Finish())), "FIELD_INVALID");
}

}  // namespace
}  // namespace banger::vmd
