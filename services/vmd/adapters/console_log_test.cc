#include "services/vmd/adapters/console_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::vmd {
namespace {

using ::testing::IsEmpty;

class ConsoleLogTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }
  std::filesystem::path path() const { return dir_.path() / "console.log"; }
  void Append(const std::string& text) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd fd, OpenFile(path(), O_WRONLY | O_CREAT | O_APPEND));
    ASSERT_OK(WriteFully(fd.get(), text));
  }
  std::string ReadAll(std::int64_t tail) {
    auto reader = ConsoleLogReader::Open(path(), tail);
    EXPECT_THAT(reader, IsOk());
    std::string all;
    while (reader.ok()) {
      const std::string some = reader->Read(1000).value_or("");
      if (some.empty()) break;
      all += some;
    }
    return all;
  }

  TempDir dir_;
};

TEST_F(ConsoleLogTest, AVmThatNeverRanHasAnEmptyLog) {
  EXPECT_EQ(ReadAll(0), "");
  EXPECT_EQ(ReadAll(5), "");
  EXPECT_OK(CapConsoleLog(path()));
}

TEST_F(ConsoleLogTest, TailsWholeLines) {
  Append("one\ntwo\nthree\n");
  EXPECT_EQ(ReadAll(0), "one\ntwo\nthree\n");
  EXPECT_EQ(ReadAll(1), "three\n");
  EXPECT_EQ(ReadAll(2), "two\nthree\n");
  EXPECT_EQ(ReadAll(9), "one\ntwo\nthree\n");
  Append("unfinished");
  EXPECT_EQ(ReadAll(1), "unfinished");
  EXPECT_EQ(ReadAll(2), "three\nunfinished");
}

TEST_F(ConsoleLogTest, TailsAcrossPieces) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) absl::StrAppend(&text, "line ", i, "\n");
  Append(text);
  EXPECT_EQ(ReadAll(15'000), text.substr(text.find("line 5000\n")));
}

TEST_F(ConsoleLogTest, AFollowerSeesWhatIsAppended) {
  ASSERT_OK_AND_ASSIGN(auto reader, ConsoleLogReader::Open(path(), 0));
  EXPECT_THAT(reader.Read(100), IsOkAndHolds(IsEmpty()));
  Append("now\n");
  EXPECT_THAT(reader.Read(100), IsOkAndHolds("now\n"));
  EXPECT_THAT(reader.Read(100), IsOkAndHolds(IsEmpty()));
}

TEST_F(ConsoleLogTest, AFloodIsCutAndItsEndKeptInPlace) {
  std::string mib;
  while (mib.size() < (1 << 20)) mib += "the guest floods its console with this line\n";
  for (int i = 0; i < 12; ++i) Append(mib);
  Append("the last line\n");
  const std::int64_t size = ConsoleSize(path());
  ASSERT_OK_AND_ASSIGN(auto follower, ConsoleLogReader::Open(path(), 1));
  ASSERT_OK(CapConsoleLog(path()));
  EXPECT_LE(*DiskUsage(path()), kConsoleMax);
  EXPECT_EQ(ConsoleSize(path()), size);
  EXPECT_THAT(follower.Read(100), IsOkAndHolds("the last line\n"));

  const std::string kept = ReadAll(0);
  EXPECT_GE(static_cast<std::int64_t>(kept.size()), kConsoleKeep - (64 << 10));
  EXPECT_EQ(kept.substr(0, 10), "the guest ");
  EXPECT_EQ(kept.find('\0'), std::string::npos);
  EXPECT_EQ(ReadAll(1), "the last line\n");
}

TEST_F(ConsoleLogTest, FindsThePanicOfThisRunOnly) {
  Append("[ 1.0] Kernel panic - not syncing: old\n");
  const std::int64_t begin = ConsoleSize(path());
  EXPECT_EQ(FindPanic(path(), begin), "");
  Append("boot\r\n[ 2.0] Kernel panic - not syncing: \x1b[31mnew\n[ 2.1] Call Trace:\n");
  EXPECT_EQ(FindPanic(path(), begin), "[ 2.0] Kernel panic - not syncing:  [31mnew");
}

}  // namespace
}  // namespace banger::vmd
