#include "common/os/sysctl.h"

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

TEST(SysctlTest, IsWhatItWasSetTo) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::filesystem::path file = dir.path() / "forwarding";
  ASSERT_OK(WriteFileAtomically(file, "0\n"));
  EXPECT_THAT(SysctlIs(file, '0'), IsOkAndHolds(true));
  ASSERT_OK(SetSysctl(file, '1'));
  EXPECT_THAT(SysctlIs(file, '1'), IsOkAndHolds(true));
  EXPECT_THAT(SysctlIs(file, '0'), IsOkAndHolds(false));
  ASSERT_OK(WriteFileAtomically(file, "10\n"));
  EXPECT_THAT(SysctlIs(file, '1'), IsOkAndHolds(false));
}

TEST(SysctlTest, OneThatIsNotThereIsNothingAndCannotBeSet) {
  const std::filesystem::path file = "/proc/sys/net/ipv4/conf/no-such-card/forwarding";
  EXPECT_THAT(SysctlIs(file, '1'), IsOkAndHolds(false));
  EXPECT_THAT(SetSysctl(file, '1'),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr(file.string())));
}

}  // namespace
}  // namespace banger
