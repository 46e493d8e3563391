#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cstdlib>

#include "banger/progress/v1/progress.pb.h"
#include "cli/output/progress.h"
#include "cli/output/streams.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "common/config/config.h"
#include "common/os/unique_fd.h"

namespace banger::cli {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using std::chrono::system_clock;

TEST(StreamsTest, ColourIsForTerminalsWhoseUserWantsIt) {
  const auto color = [](const char* term, const char* no_color) {
    ::setenv("TERM", term, 1);
    no_color == nullptr ? ::unsetenv("NO_COLOR") : ::setenv("NO_COLOR", no_color, 1);
    return ColorStderr();
  };
  int main = -1, terminal = -1;
  ASSERT_EQ(::openpty(&main, &terminal, nullptr, nullptr, nullptr), 0);
  const UniqueFd ends[] = {UniqueFd(main), UniqueFd(terminal), UniqueFd(::dup(STDERR_FILENO))};
  ASSERT_EQ(::dup2(terminal, STDERR_FILENO), STDERR_FILENO);
  const bool usual = color("xterm", nullptr), empty = color("xterm", ""), unwanted = color("xterm", "1"),
             dumb = color("dumb", nullptr);
  const UniqueFd file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::dup2(file.get(), STDERR_FILENO), STDERR_FILENO);
  const bool away = color("xterm", nullptr);
  ASSERT_EQ(::dup2(ends[2].get(), STDERR_FILENO), STDERR_FILENO);

  EXPECT_TRUE(usual);
  EXPECT_TRUE(empty) << "no-color.org: set and not empty";
  EXPECT_FALSE(unwanted);
  EXPECT_FALSE(dumb);
  EXPECT_FALSE(away);
}

TEST(TextTest, OneLineTakesControlCharactersAway) {
  EXPECT_EQ(OneLine("a\tb\r\n\x1b[2J\x7f"), "a?b???[2J?");
  EXPECT_EQ(OneLine("caf\u00e9 \u0085x"), "caf\u00e9 ?x");
}

TEST(TextTest, SizesAreThoseThatParseSizeReads) {
  EXPECT_EQ(HumanSize(0), "0");
  EXPECT_EQ(HumanSize(1023), "1023");
  EXPECT_EQ(HumanSize(1024), "1K");
  EXPECT_EQ(HumanSize(1536 << 10), "1.5M");
  EXPECT_EQ(HumanSize((1 << 20) - 1), "1M");
  EXPECT_EQ(HumanSize(std::int64_t{8} << 30), "8G");
  EXPECT_EQ(HumanSize(std::int64_t{5} << 50), "5120T");
  EXPECT_EQ(*ParseSize(HumanSize(std::int64_t{8} << 30)), std::int64_t{8} << 30);
}

TEST(TextTest, AgesAreInTheLargestUnitThatFits) {
  const auto now = system_clock::time_point(hours(24 * 400));
  EXPECT_EQ(HumanAge(now, now), "just now");
  EXPECT_EQ(HumanAge(now + hours(1), now), "just now");
  EXPECT_EQ(HumanAge(now - seconds(1), now), "1 second ago");
  EXPECT_EQ(HumanAge(now - seconds(7300), now), "2 hours ago");
  EXPECT_EQ(HumanAge(system_clock::time_point() + hours(1), now), "1 year ago");
  EXPECT_EQ(HumanAge(system_clock::time_point(), now), "-");
}

TEST(TextTest, ShortenCountsCharacters) {
  EXPECT_EQ(Shorten("\u00e9\u00e9\u00e9", 2), "\u00e9\u00e9");
  EXPECT_EQ(Shorten("ab", 2), "ab");
}

TEST(TableTest, ColumnsLineUp) {
  Table table({"NAME", "OS"});
  table.AddRow({"d\u00e9b", "Debian"});
  table.AddRow({"longer", ""});
  EXPECT_EQ(table.Render(), "NAME     OS\nd\u00e9b      Debian\nlonger   -\n");
}

class ProgressTest : public ::testing::Test {
 protected:
  ProgressView::Style Style(bool live) {
    return {.live = live,
            .color = false,
            .width = 60,
            .write = [this](const std::string& text) { shown_ += text; },
            .now = [this] { return now_; }};
  }
  static progress::v1::Progress Make(const std::string& stage, std::int64_t done, std::int64_t total) {
    progress::v1::Progress progress;
    progress.set_stage(stage);
    progress.set_done_bytes(done);
    progress.set_total_bytes(total);
    return progress;
  }

  std::string shown_;
  std::chrono::steady_clock::time_point now_;
};

TEST_F(ProgressTest, WithoutATerminalEachStageIsALine) {
  ProgressView view("pull 'k'", Style(false));
  view.Show(Make("download", 1, 10));
  view.Show(Make("download", 5, 10));
  view.Show(Make("unpack", 0, 0));
  EXPECT_EQ(shown_, "pull 'k': download\npull 'k': unpack\n");
}

TEST_F(ProgressTest, OnATerminalOneLineIsDrawnAgainAndTakenAway) {
  {
    ProgressView view("pull 'k'", Style(true));
    view.Show(Make("download", 512, 1024));
  }
  EXPECT_EQ(shown_, "\r\033[Kpull 'k': download [##########          ]  50% 512/1K\r\033[K");
}

TEST_F(ProgressTest, RateAndRemainingTimeFollowWhenThereIsSomethingToTell) {
  ProgressView::Style wide = Style(true);
  wide.width = 200;
  ProgressView view("pull 'k'", wide);
  view.Show(Make("wait", 0, 0));
  view.Show(Make("download", 10 << 20, 100 << 20));
  EXPECT_THAT(shown_, ::testing::Not(::testing::HasSubstr("/s")));
  now_ += std::chrono::seconds(2);
  view.Show(Make("download", 30 << 20, 100 << 20));
  EXPECT_THAT(shown_, ::testing::EndsWith("30M/100M 10M/s 7s left"));
  now_ += std::chrono::seconds(2);
  view.Show(Make("download", 100 << 20, 100 << 20));
  EXPECT_THAT(shown_, ::testing::EndsWith("100M/100M 22.5M/s"));
}

TEST(DurationTest, IsShort) {
  EXPECT_EQ(HumanDuration(std::chrono::seconds(5)), "5s");
  EXPECT_EQ(HumanDuration(std::chrono::seconds(125)), "2m05s");
  EXPECT_EQ(HumanDuration(std::chrono::seconds(12000)), "3h20m");
}

TEST_F(ProgressTest, ALiveLineNeverWraps) {
  ProgressView view(std::string(100, 't'), Style(true));
  view.Show(Make("download", 2048, 1024));  // more than all
  EXPECT_EQ(shown_, "\r\033[K" + std::string(59, 't'));
}

TEST_F(ProgressTest, AWarningStaysAndComesOnce) {
  ProgressView view("create 'x'", Style(true));
  progress::v1::Progress warning = Make("network", 0, 0);
  warning.set_warning(true);
  warning.set_detail("netd is not running");
  view.Show(Make("boot", 0, 0));
  view.Show(warning);
  view.Show(warning);
  EXPECT_EQ(shown_, "\r\033[Kcreate 'x': boot\r\033[Kwarning: netd is not running\n");
}

}  // namespace
}  // namespace banger::cli
