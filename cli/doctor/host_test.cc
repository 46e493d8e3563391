#include "cli/doctor/host.h"

#include "cli/doctor/testing/is.h"

namespace banger::cli {
namespace {

using ::testing::Field;
using ::testing::HasSubstr;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

TEST(DoctorHostTest, LittleSpaceIsAWarningAndNoneAFailure) {
  EXPECT_THAT(JudgeSpace("state", "/x", 100 * kGiB, 1'000'000), Is(Verdict::kPass, "100G"));
  EXPECT_THAT(JudgeSpace("state", "/x", 5 * kGiB, 1'000'000), Is(Verdict::kWarn, "5G"));
  EXPECT_THAT(JudgeSpace("state", "/x", kGiB / 2, 1'000'000), Is(Verdict::kFail, "512M"));
  EXPECT_THAT(JudgeSpace("state", "/x", 100 * kGiB, 10), Is(Verdict::kFail, "10 inodes"));
  EXPECT_THAT(CheckSpace("state", "/not/there/yet"), Field(&Finding::detail, HasSubstr("at '/'")));
}

TEST(DoctorHostTest, AClockThatIsBeforeTheBuildIsWrong) {
  const auto now = std::chrono::system_clock::now();
  EXPECT_THAT(CheckClock(now, "2020-01-01T00:00:00Z", true), Is(Verdict::kPass, "synchronised"));
  EXPECT_THAT(CheckClock(now, "2020-01-01T00:00:00Z", false), Is(Verdict::kWarn, "nobody keeps right"));
  EXPECT_THAT(CheckClock({}, "2020-01-01T00:00:00Z", true), Is(Verdict::kFail, "1970-01-01"));
  EXPECT_THAT(CheckClock(now, "unknown", true), Is(Verdict::kPass, ""));
}

}  // namespace
}  // namespace banger::cli
