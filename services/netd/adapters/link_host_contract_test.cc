// What the core relies on, checked against the fake and the real host alike.
#include <functional>
#include <memory>

#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/netd/adapters/linux_link_host.h"
#include "services/netd/testing/fake_host.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A host, and what others do to it.
class Bench {
 public:
  virtual ~Bench() = default;
  virtual LinkHost& host() = 0;
  virtual void MakeForeign(const std::string& interface) = 0;
  virtual bool HasForeign(const std::string& interface) = 0;
  virtual void StartUsing(const std::string& tap) = 0;
  virtual void StopUsing() = 0;
};

class FakeBench final : public Bench {
 public:
  LinkHost& host() override { return host_; }
  void MakeForeign(const std::string& interface) override { host_.foreign.insert(interface); }
  bool HasForeign(const std::string& interface) override { return host_.foreign.count(interface) != 0; }
  void StartUsing(const std::string& tap) override { host_.taps.at(tap).in_use = true; }
  void StopUsing() override {
    for (auto& [name, tap] : host_.taps) tap.in_use = false;
  }

 private:
  FakeLinkHost host_;
};

class RealBench final : public Bench {
 public:
  explicit RealBench(std::unique_ptr<LinuxLinkHost> host) : host_(std::move(host)) {}
  LinkHost& host() override { return *host_; }
  void MakeForeign(const std::string& interface) override { Ip("tuntap add " + interface + " mode tap"); }
  bool HasForeign(const std::string& interface) override { return !Ip("link show " + interface).empty(); }
  void StartUsing(const std::string& tap) override { ASSERT_OK_AND_ASSIGN(queue_, host_->OpenTap(tap)); }
  void StopUsing() override { queue_.Reset(); }

 private:
  std::unique_ptr<LinuxLinkHost> host_;
  UniqueFd queue_;
};

enum class Kind { kFake, kReal };

class LinkHostContractTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kFake) {
      bench_ = std::make_unique<FakeBench>();
      return;
    }
    if (const std::string why = EnterNewNetworkNamespace(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_OK_AND_ASSIGN(std::unique_ptr<LinuxLinkHost> host,
                         LinuxLinkHost::Create({.bridge = "br-contract",
                                                .subnet = *Subnet::Create(*Ipv4::Parse("10.77.0.1"), 24),
                                                .directory = "/run/contract"}));
    bench_ = std::make_unique<RealBench>(std::move(host));
  }

  LinkHost& host() { return bench_->host(); }

  const Tap tap_{.name = "bgr-0a4d0002", .endpoint_id = "vm-1", .owner = 1234};
  std::unique_ptr<Bench> bench_;
};

TEST_P(LinkHostContractTest, EverythingIsIdempotent) {
  for (int i = 0; i < 2; ++i) ASSERT_OK(host().EnsureBridge());
  for (int i = 0; i < 2; ++i) ASSERT_OK(host().EnsureTap(tap_));
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(ElementsAre(tap_)));
  for (int i = 0; i < 2; ++i) ASSERT_OK(host().RemoveTap(tap_.name));
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(IsEmpty()));
  for (int i = 0; i < 2; ++i) ASSERT_OK(host().RemoveBridge());
}

TEST_P(LinkHostContractTest, ATapNeedsTheBridgeAndLeavesNothingWithoutIt) {
  EXPECT_FALSE(host().EnsureTap(tap_).ok());
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(IsEmpty()));
}

TEST_P(LinkHostContractTest, KnowsWhichTapsAreInUse) {
  ASSERT_OK(host().EnsureBridge());
  ASSERT_OK(host().EnsureTap(tap_));
  bench_->StartUsing(tap_.name);
  Tap used = tap_;
  used.in_use = true;
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(ElementsAre(used)));
  ASSERT_OK(host().EnsureTap(tap_));
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(ElementsAre(used)));
  bench_->StopUsing();
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(ElementsAre(tap_)));
}

TEST_P(LinkHostContractTest, ATapOfAnotherEndpointOrOwnerIsMadeAnew) {
  ASSERT_OK(host().EnsureBridge());
  ASSERT_OK(host().EnsureTap(tap_));
  const Tap other{.name = tap_.name, .endpoint_id = "vm-2", .owner = 4321};
  ASSERT_OK(host().EnsureTap(other));
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(ElementsAre(other)));
}

TEST_P(LinkHostContractTest, ASpareTapBecomesAnEndpoints) {
  ASSERT_OK(host().EnsureBridge());
  const Tap spare{.name = tap_.name, .owner = tap_.owner};
  for (int i = 0; i < 2; ++i) ASSERT_OK(host().EnsureTap(spare));
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(ElementsAre(spare)));
  ASSERT_OK(host().EnsureTap(tap_));
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(ElementsAre(tap_)));
  // Of another owner's spare tap there is a new one made.
  const Tap other{.name = "bgr-0a4d0003", .endpoint_id = "vm-2", .owner = 4321};
  ASSERT_OK(host().EnsureTap({.name = other.name, .owner = tap_.owner}));
  ASSERT_OK(host().EnsureTap(other));
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(ElementsAre(tap_, other)));
}

TEST_P(LinkHostContractTest, WhatIsNotOursIsNeitherListedNorChangedNorRemoved) {
  ASSERT_OK(host().EnsureBridge());
  EXPECT_OK(host().CheckTapName(tap_.name));
  bench_->MakeForeign(tap_.name);
  EXPECT_EQ(ErrorReason(host().CheckTapName(tap_.name)), "INTERFACE_NOT_OURS");
  EXPECT_EQ(ErrorReason(host().EnsureTap(tap_)), "INTERFACE_NOT_OURS");
  EXPECT_THAT(host().ListTaps(), IsOkAndHolds(IsEmpty()));
  EXPECT_OK(host().RemoveTap(tap_.name));
  EXPECT_TRUE(bench_->HasForeign(tap_.name));
}

INSTANTIATE_TEST_SUITE_P(Hosts, LinkHostContractTest, ::testing::Values(Kind::kFake, Kind::kReal),
                         [](const ::testing::TestParamInfo<Kind>& host) {
                           return host.param == Kind::kFake ? "Fake" : "Real";
                         });

}  // namespace
}  // namespace banger::netd
