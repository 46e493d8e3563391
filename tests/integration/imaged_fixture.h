// What tests of imaged's faults share: the daemon, an image, and a look at what a
// fault has left.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "tests/integration/imaged_daemon.h"
#include "tests/integration/sample_image.h"

namespace banger {

class ImagedFaultsTest : public ::testing::Test {
 protected:
  static constexpr char kId[] = "sample";
  using Clock = std::chrono::steady_clock;

  static const SampleImage& Sample() {
    static const SampleImage sample;
    return sample;
  }

  void StartIn(const std::filesystem::path& root) {
    daemon_.emplace(root);
    ASSERT_OK(daemon_->Start());
  }
  void KillAndStartAgain() {
    ASSERT_OK(daemon_->Kill());
    ASSERT_OK(daemon_->Start());
  }

  // Whether the image is there, which then has to be whole.
  bool IsThere() {
    const auto image = daemon_->Get(kId);
    if (!image.ok()) {
      EXPECT_EQ(ErrorReason(image.status()), "IMAGE_NOT_FOUND") << image.status();
      return false;
    }
    EXPECT_OK(Sample().Check(daemon_->Directory(kId) / "rootfs.ext4"));
    return true;
  }

  // No trace but whole images; in a moment, as a cancelled call ends before its work.
  void ExpectNothingHalfMade() {
    EXPECT_TRUE(Eventually([this] { return std::filesystem::is_empty(daemon_->Directory(".staging")); }));
    std::set<std::string> expected = {".staging", "mini"};
    if (IsThere()) expected.insert(kId);
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(daemon_->Directory("")))
      names.insert(entry.path().filename().string());
    EXPECT_EQ(names, expected);
  }

  // Whole blobs are right and partial ones the begin of what is right. How many
  // bytes that are.
  std::int64_t CheckedCacheBytes() {
    std::int64_t bytes = 0;
    for (const char* const kind : {"blobs", "partial"}) {
      for (const auto& entry : std::filesystem::directory_iterator(daemon_->Cache() / kind / "sha256")) {
        const auto blob = Sample().blobs().find(entry.path().filename().string());
        const absl::StatusOr<std::string> found = ReadFile(entry.path());
        if (absl::IsNotFound(found.status())) continue;  // an empty one that just went
        bytes += static_cast<std::int64_t>(found->size());
        EXPECT_TRUE(blob != Sample().blobs().end()) << entry.path();
        if (blob == Sample().blobs().end()) continue;
        if (kind == std::string("blobs")) {
          EXPECT_EQ(found->size(), blob->second.size()) << entry.path();
        }
        EXPECT_TRUE(blob->second.compare(0, found->size(), *found) == 0) << entry.path();
      }
    }
    return bytes;
  }

  // As if nothing had been.
  void Forget() {
    ASSERT_OK(daemon_->Delete(kId));
    // What just ends keeps its blob for a moment.
    EXPECT_TRUE(Eventually([this] { return daemon_->PruneCache().ok() && CheckedCacheBytes() == 0; }));
  }

  // A random moment of something that takes so long, and a little behind it.
  void SleepWithin(Clock::duration whole) {
    std::this_thread::sleep_for(whole * static_cast<int>(random_() % 120) / 100);
  }

  std::optional<ImagedDaemon> daemon_;
  std::mt19937 random_{7};
};

}  // namespace banger
