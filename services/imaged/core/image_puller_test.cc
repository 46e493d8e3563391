#include "services/imaged/core/image_puller.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "common/testing/countdown.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/testing/fakes.h"

namespace banger::imaged {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ImagePullerTest : public ::testing::Test {
 protected:
  absl::StatusOr<Image> Pull(const PullSpec& spec, const std::stop_token& stop = {}) {
    return puller_.Pull(
        spec, [](const Progress&) {}, stop);
  }
  absl::StatusOr<Image> Pull() { return Pull({.reference = "deb", .id = "deb"}); }

  MemoryStore store_;
  FakeKernels kernels_;
  FakeSource source_;
  ImageCatalog catalog_{store_, kernels_, "x86_64", [] { return 1700000000; }};
  ImagePuller puller_{catalog_, source_};
};

TEST_F(ImagePullerTest, APulledImageKnowsWhereItIsFrom) {
  ASSERT_OK_AND_ASSIGN(const Image image, Pull());
  EXPECT_EQ(image.source, "pull:reg.example/deb:latest");
  EXPECT_EQ(image.digest, "sha256:1");
  EXPECT_EQ(image.create_time, 1700000000);
  EXPECT_OK(catalog_.Get("deb"));
}

TEST_F(ImagePullerTest, WhatIsUpToDateStaysAsItIs) {
  ASSERT_OK(Pull());
  ASSERT_OK_AND_ASSIGN(const Image again, Pull());
  EXPECT_EQ(again.digest, "sha256:1");
  EXPECT_EQ(source_.builds, 1);
}

TEST_F(ImagePullerTest, AnotherVersionReplacesNothing) {
  ASSERT_OK(Pull());
  source_.digest = "sha256:2";
  EXPECT_EQ(ErrorReason(Pull().status()), "IMAGE_EXISTS");
  EXPECT_EQ(store_.images["deb"].digest, "sha256:1");
  EXPECT_EQ(source_.builds, 1);
}

TEST_F(ImagePullerTest, AnotherKernelOrSizeIsAnotherImage) {
  kernels_.kernels["k"] = {.id = "k", .vmlinux = "/k/vmlinux"};
  ASSERT_OK(Pull());
  EXPECT_EQ(ErrorReason(Pull({.reference = "deb", .id = "deb", .kernel = "k"}).status()), "IMAGE_EXISTS");
  EXPECT_EQ(ErrorReason(Pull({.reference = "deb", .id = "deb", .size_bytes = 5}).status()), "IMAGE_EXISTS");
}

TEST_F(ImagePullerTest, AnImageThatNeverWasElsewhereIsNotLookedFor) {
  store_.images["deb"] = {.id = "deb"};
  EXPECT_EQ(ErrorReason(Pull().status()), "IMAGE_EXISTS");
  EXPECT_EQ(source_.finds, 0);
}

TEST_F(ImagePullerTest, TheSourcesKernelIsTakenUnlessAnotherIsWanted) {
  kernels_.kernels["k"] = {.id = "k", .vmlinux = "/k/vmlinux"};
  kernels_.kernels["mine"] = {.id = "mine", .vmlinux = "/mine/vmlinux"};
  source_.kernel = "k";
  EXPECT_EQ(Pull()->kernel, "k");
  EXPECT_EQ(Pull({.reference = "deb", .id = "deb2", .kernel = "mine"})->kernel, "mine");
}

TEST_F(ImagePullerTest, FailuresLeaveNothing) {
  source_.built = ImageCorrupt("half a layer");
  EXPECT_THAT(Pull(), StatusIs(absl::StatusCode::kDataLoss, "half a layer"));
  source_.found = RemoteImageNotFound("deb", "404");
  EXPECT_EQ(ErrorReason(Pull().status()), "REMOTE_IMAGE_NOT_FOUND");
  EXPECT_EQ(ErrorReason(Pull({.reference = "deb", .id = "Deb"}).status()), "IMAGE_NAME_INVALID");
  EXPECT_THAT(store_.images, IsEmpty());
  EXPECT_THAT(store_.staged, IsEmpty());
}

TEST_F(ImagePullerTest, EqualPullsShareOneTransferAndItsProgress) {
  std::array<std::atomic<bool>, 4> heard{};
  const auto all_heard = [&heard] {
    return std::all_of(heard.begin(), heard.end(), [](const auto& h) { return h.load(); });
  };
  source_.tell_until = all_heard;
  std::atomic<int> right = 0;
  std::vector<std::thread> callers;
  for (std::atomic<bool>& mine : heard)
    callers.emplace_back([&] {
      const auto image =
          puller_.Pull({.reference = "deb", .id = "deb"}, [&mine](const Progress&) { mine = true; }, {});
      if (image.ok()) ++right;
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 4);
  EXPECT_TRUE(all_heard());
  EXPECT_EQ(source_.builds, 1);
}

TEST_F(ImagePullerTest, PullsWithAnotherLoginShareNothing) {
  ASSERT_OK(Pull({.reference = "deb", .id = "deb", .login = {.username = "a", .password = "1"}}));
  source_.found = RegistryLoginNeeded("reg.example", true, "401");
  EXPECT_EQ(
      ErrorReason(
          Pull({.reference = "deb", .id = "deb", .login = {.username = "b", .password = "1"}}).status()),
      "REGISTRY_LOGIN_NEEDED");
}

TEST_F(ImagePullerTest, WhoDeletesWhatIsBeingPulledWaitsForThePullOrLeaves) {
  source_.during_build = [this] {
    std::stop_source stop;
    absl::Status deleted;
    std::thread deleter([&] { deleted = catalog_.Delete("deb", stop.get_token()); });
    stop.request_stop();
    deleter.join();
    EXPECT_THAT(deleted, StatusIs(absl::StatusCode::kCancelled));
  };
  ASSERT_OK(Pull({.reference = "deb", .id = "deb"}));
  EXPECT_OK(catalog_.Get("deb"));
  EXPECT_OK(catalog_.Delete("deb", {}));
}

TEST_F(ImagePullerTest, WhoLeavesReturnsAtOnceAndTheLastOneStopsTheWork) {
  std::stop_source first, second;
  Countdown began(2), stopped(2), ended(2);
  source_.during_find = [&](const std::stop_token& stop) {
    began.CountDown();
    {
      const std::stop_callback on_stop(stop, [&stopped] { stopped.CountDown(); });
      stopped.Wait();
    }
    ended.CountDown();
  };
  std::thread other([&] {
    const absl::Status status = Pull({.reference = "deb", .id = "deb"}, second.get_token()).status();
    EXPECT_TRUE(absl::IsCancelled(status)) << status;
  });
  std::thread leaver([&] {
    const absl::Status status =
        Pull({.reference = "deb", .id = "deb", .login = {.password = "s3cret"}}, first.get_token()).status();
    EXPECT_TRUE(absl::IsCancelled(status)) << status;
    EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr("s3cret")));
  });
  began.Wait();
  first.request_stop();
  second.request_stop();
  leaver.join();
  other.join();
  ended.Wait();
}

}  // namespace
}  // namespace banger::imaged
