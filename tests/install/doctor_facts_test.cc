#include "absl/strings/str_cat.h"
#include "cli/doctor/store.h"
#include "cli/doctor/vmm_versions.h"
#include "common/testing/status_matchers.h"
#include "services/vmd/adapters/firecracker_version.h"
#include "services/vmd/adapters/sqlite_store.h"

namespace banger {
namespace {

// The doctor speaks of this host also where vmd does not run, so both know these.
TEST(DoctorFactsTest, TheDoctorRefusesTheFirecrackersThatVmdRefuses) {
  for (int minor = 12; minor <= 17; ++minor)
    for (int patch = 0; patch <= 6; ++patch) {
      const vmd::FirecrackerVersion version{1, minor, patch};
      const bool refused =
          cli::JudgeFirecracker(absl::StrCat("Firecracker v", version.ToString(), "\n")).verdict ==
          cli::Verdict::kFail;
      EXPECT_EQ(refused, !vmd::CheckFirecrackerVersion("firecracker", version).ok()) << version.ToString();
    }
}

TEST(DoctorFactsTest, TheDoctorKnowsTheStoresThatVmdKnows) {
  EXPECT_EQ(static_cast<std::size_t>(cli::kNewestStore), vmd::StoreMigrations().size());
}

}  // namespace
}  // namespace banger
