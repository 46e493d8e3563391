#include "services/kerneld/core/kernel_manager.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/status/status_macros.h"
#include "common/testing/countdown.h"
#include "common/testing/status_matchers.h"
#include "services/kerneld/testing/fakes.h"

namespace banger::kerneld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void WaitForStop(const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait(lock, stop, [] { return false; });
}

class KernelManagerTest : public ::testing::Test {
 protected:
  absl::StatusOr<Kernel> Import(const std::string& id, bool force = false) {
    MemorySource bytes("bytes");
    return kernels_.Import({.id = id, .source = "file.deb", .force = force}, bytes, quiet_, {});
  }
  absl::StatusOr<Kernel> Pull(const std::string& id, bool force = false, const std::stop_token& stop = {}) {
    return kernels_.Pull(id, force, quiet_, stop);
  }
  absl::StatusOr<std::vector<std::string>> Ids() {
    std::vector<std::string> ids;
    BANGER_ASSIGN_OR_RETURN(const std::vector<Kernel> all, kernels_.List());
    for (const Kernel& kernel : all) ids.push_back(kernel.id);
    return ids;
  }

  const ProgressFn quiet_ = [](const Progress&) {};
  MemoryStore store_;
  FakeBuilder builder_;
  FakePackages packages_;
  FakeTarballs tarballs_;
  FakeCatalogs catalogs_{
      {{.id = "debian-6.1", .distro = "debian", .arch = "x86_64", .apt_package = "linux-image"},
       {.id = "generic-6.12",
        .distro = "generic",
        .arch = "x86_64",
        .tarball_url = "https://k.example/g.tar.zst"}}};
  KernelManager kernels_{
      store_,    builder_,  packages_,
      tarballs_, catalogs_, [] { return std::chrono::system_clock::time_point(std::chrono::seconds(77)); }};
};

TEST_F(KernelManagerTest, AnImportSaysWhatWasBuiltAndWhereItCameFrom) {
  ASSERT_OK_AND_ASSIGN(const Kernel kernel, Import("mine"));
  EXPECT_EQ(kernel.id, "mine");
  EXPECT_EQ(kernel.distro, "found");
  EXPECT_EQ(kernel.kernel_version, "6.1");
  EXPECT_EQ(kernel.sha256, "ab");
  EXPECT_EQ(kernel.source, "import:file.deb");
  EXPECT_EQ(std::chrono::system_clock::to_time_t(kernel.imported_at), 77);
  EXPECT_OK(kernels_.Get("mine"));
}

TEST_F(KernelManagerTest, AnExistingKernelIsKeptUnlessForced) {
  ASSERT_OK(Import("mine"));
  EXPECT_THAT(Import("mine"), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("'mine'")));
  builder_.result->sha256 = "cd";
  ASSERT_OK(Import("mine", /*force=*/true));
  EXPECT_EQ(kernels_.Get("mine")->sha256, "cd");
}

TEST_F(KernelManagerTest, OfTwoImportsOfOneNameAtOnceOneWins) {
  Countdown both(2);
  builder_.on_build = [&both](const std::stop_token&) {
    both.CountDown();
    both.Wait();
  };
  std::atomic<int> won = 0;
  std::atomic<int> lost = 0;
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 2; ++i) {
      callers.emplace_back([&] {
        const absl::Status status = Import("mine").status();
        if (status.ok()) ++won;
        if (absl::IsAlreadyExists(status)) ++lost;
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 1);
}

TEST_F(KernelManagerTest, AFailedBuildLeavesNothing) {
  builder_.result = KernelCorrupt("no ELF");
  EXPECT_THAT(Import("mine"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Ids(), IsOkAndHolds(ElementsAre()));
  EXPECT_EQ(store_.staged(), 0);
}

TEST_F(KernelManagerTest, NamesAreCheckedEverywhere) {
  const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("../x"));
  EXPECT_THAT(Import("../x"), invalid);
  EXPECT_THAT(Pull("../x"), invalid);
  EXPECT_THAT(kernels_.Get("../x"), invalid);
  EXPECT_THAT(kernels_.Files("../x"), invalid);
  EXPECT_THAT(kernels_.Delete("../x", {}), invalid);
}

TEST_F(KernelManagerTest, PullsWhatTheCatalogNames) {
  ASSERT_OK_AND_ASSIGN(const Kernel kernel, Pull("debian-6.1"));
  EXPECT_EQ(kernel.source, "apt:linux-image-6.1=6.1.2-3");
  EXPECT_EQ(kernel.distro, "debian");
  EXPECT_THAT(Pull("debian-6.1"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(Pull("debian-9"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("'debian-9'")));
}

TEST_F(KernelManagerTest, PullsATarballAndSaysWhereItCameFrom) {
  ASSERT_OK_AND_ASSIGN(const Kernel kernel, Pull("generic-6.12"));
  EXPECT_EQ(kernel.source, "pull:https://k.example/g.tar.zst");
  EXPECT_EQ(kernel.distro, "generic");
  EXPECT_THAT(tarballs_.opened, ElementsAre("https://k.example/g.tar.zst"));
  EXPECT_EQ(packages_.fetches(), 0);
}

TEST_F(KernelManagerTest, WhatIsAvailableSaysWhatOfItIsHere) {
  using State = AvailableKernel::State;
  const auto states = [this] {
    std::vector<State> found;
    const auto available = kernels_.Available({});
    for (const AvailableKernel& kernel : available->kernels) found.push_back(kernel.state);
    return found;
  };
  EXPECT_THAT(states(), ElementsAre(State::kAvailable, State::kAvailable));
  ASSERT_OK(Pull("debian-6.1"));
  ASSERT_OK(Pull("generic-6.12"));
  EXPECT_THAT(states(), ElementsAre(State::kPulled, State::kPulled));
  catalogs_.entries[1].tarball_url = "https://k.example/newer.tar.zst";
  EXPECT_THAT(states(), ElementsAre(State::kPulled, State::kUpdate));
  ASSERT_OK(Import("debian-6.1", /*force=*/true));
  ASSERT_OK(Pull("generic-6.12", /*force=*/true));
  EXPECT_THAT(states(), ElementsAre(State::kUpdate, State::kPulled));
  catalogs_.warnings = {"a catalog is away"};
  EXPECT_THAT(kernels_.Available({})->warnings, ElementsAre("a catalog is away"));
}

TEST_F(KernelManagerTest, WhatThePackageListsTellIsShown) {
  using State = AvailableKernel::State;
  const auto debian = [this] { return kernels_.Available({})->kernels[0]; };
  EXPECT_EQ(debian().entry.kernel_version, "") << "no lists";
  ASSERT_OK(Pull("debian-6.1"));
  packages_.listed = PackageVersion{.name = "linux-image-6.1", .version = "6.1.2-3", .size_bytes = 77};
  EXPECT_EQ(debian().state, State::kPulled);
  EXPECT_EQ(debian().entry.kernel_version, "6.1");
  EXPECT_EQ(debian().entry.size_bytes, 77);
  packages_.listed->version = "6.1.2-4";
  EXPECT_EQ(debian().state, State::kUpdate);
  packages_.listed = PackageVersion{.name = "linux-image-6.1.0-9", .version = "6.1.2-3"};
  EXPECT_EQ(debian().state, State::kUpdate) << "another package behind the meta package";
  EXPECT_EQ(kernels_.Available({})->kernels[1].entry.kernel_version, "") << "a tarball";
}

TEST_F(KernelManagerTest, EqualPullsShareOneDownloadAndItsProgress) {
  Countdown listening(2);
  packages_.on_fetch = [&listening](const std::stop_token&) { listening.Wait(); };
  std::atomic<int> ok = 0;
  std::atomic<int> unpacking = 0;
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 2; ++i) {
      callers.emplace_back([&] {
        const ProgressFn listener = [&](const Progress& step) {
          if (step.stage == "unpack") ++unpacking;
        };
        // Whoever comes too late to join finds the kernel there already.
        listening.CountDown();
        const absl::Status status = kernels_.Pull("debian-6.1", false, listener, {}).status();
        if (status.ok() || absl::IsAlreadyExists(status)) ++ok;
      });
    }
  }
  EXPECT_EQ(ok, 2);
  EXPECT_EQ(packages_.fetches(), 1);
  EXPECT_GE(unpacking, 1);
}

TEST_F(KernelManagerTest, ACallerThatLeavesEndsThePullWhenItIsTheLast) {
  std::stop_source stop;
  packages_.on_fetch = [&stop](const std::stop_token& work) {
    stop.request_stop();
    WaitForStop(work);
  };
  EXPECT_THAT(Pull("debian-6.1", false, stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
  packages_.on_fetch = nullptr;
  EXPECT_OK(Pull("debian-6.1"));
}

TEST_F(KernelManagerTest, AFailedPullLeavesNothing) {
  packages_.error = SourceUnreachable("apt:linux-image", "no route");
  EXPECT_THAT(Pull("debian-6.1"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no route")));
  EXPECT_THAT(Ids(), IsOkAndHolds(ElementsAre()));
  EXPECT_EQ(store_.staged(), 0);
}

TEST_F(KernelManagerTest, DeletesOnlyWhatIsThere) {
  ASSERT_OK(Import("mine"));
  EXPECT_OK(kernels_.Delete("mine", {}));
  EXPECT_THAT(kernels_.Delete("mine", {}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("'mine'")));
}

TEST_F(KernelManagerTest, TheDefaultIsTheNewestGenericKernelElseTheNewest) {
  EXPECT_THAT(kernels_.Files(""), StatusIs(absl::StatusCode::kNotFound));
  store_.Put({.id = "debian", .kernel_version = "6.10"});
  store_.Put({.id = "old", .kernel_version = "6.9"});
  EXPECT_EQ(kernels_.Files("")->kernel.id, "debian");
  store_.Put({.id = "generic-6.1", .kernel_version = "6.1"});
  store_.Put({.id = "generic-5.10", .kernel_version = "5.10"});
  EXPECT_EQ(kernels_.Files("")->kernel.id, "generic-6.1");
  EXPECT_EQ(kernels_.Files("old")->kernel.id, "old");
}

}  // namespace
}  // namespace banger::kerneld
