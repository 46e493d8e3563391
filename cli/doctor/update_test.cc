#include "cli/doctor/update.h"

#include "cli/doctor/testing/is.h"
#include "cli/update/staging.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

TEST(DoctorUpdateTest, OneThatIsNotDecidedIsSeen) {
  const TempDir prefix = *TempDir::Create();
  EXPECT_THAT(CheckUpdate(prefix.path()), Is(Verdict::kPass, "none is undecided"));
  const std::filesystem::path journal = JournalOf(prefix.path());
  ASSERT_OK(MakeDirectories(journal.parent_path()));
  EXPECT_THAT(CheckUpdate(prefix.path()), Is(Verdict::kPass, "none is undecided"));
  ASSERT_OK(WriteFileAtomically(journal, "{}"));
  EXPECT_THAT(CheckUpdate(prefix.path()), Is(Verdict::kWarn, "not decided"));
  EXPECT_EQ(CheckUpdate(prefix.path()).repair, "sudo banger update");
}

}  // namespace
}  // namespace banger::cli
