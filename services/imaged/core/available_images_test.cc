#include "services/imaged/core/available_images.h"

#include <gtest/gtest.h>

#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/testing/fakes.h"

namespace banger::imaged {
namespace {

using ::testing::HasSubstr;
using State = AvailableImage::State;

class AvailableImagesTest : public ::testing::Test {
 protected:
  AvailableImagesTest() {
    catalogs_.entries = {
        {.id = "golden",
         .arch = "x86_64",
         .bundle_url = "https://x/golden.tar.zst",
         .bundle_sha256 = "ab",
         .kernel = "generic-6.12",
         .catalog = "built-in"},
        {.id = "plain", .arch = "x86_64", .oci_reference = "r/plain:1", .catalog = "built-in"},
        {.id = "other", .arch = "aarch64", .oci_reference = "r/other:1"}};
  }
  absl::StatusOr<PullPlan> Plan(const std::string& reference) {
    return PlanPull(catalogs_, reference, "x86_64", {});
  }
  State StateOf(std::size_t index) { return ListAvailable(catalogs_, store_, {})->images[index].state; }

  FakeCatalogs catalogs_;
  MemoryStore store_;
};

TEST_F(AvailableImagesTest, ANameInACatalogIsItsBundle) {
  ASSERT_OK_AND_ASSIGN(const PullPlan plan, Plan("golden"));
  EXPECT_EQ(plan.id, "golden");
  EXPECT_EQ(plan.kernel, "generic-6.12");
  EXPECT_EQ(plan.bundle->bundle_sha256, "ab");
  EXPECT_THAT(plan.detail, HasSubstr("https://x/golden.tar.zst"));
}

TEST_F(AvailableImagesTest, ANameInACatalogMayStandForARegistrysImage) {
  ASSERT_OK_AND_ASSIGN(const PullPlan plan, Plan("plain"));
  EXPECT_EQ(plan.id, "plain");
  EXPECT_FALSE(plan.bundle.has_value());
  EXPECT_EQ(plan.oci_reference, "r/plain:1");
  EXPECT_THAT(plan.detail, HasSubstr("r/plain:1"));
}

TEST_F(AvailableImagesTest, AllElseIsAReference) {
  for (const char* reference : {"debian", "debian:bookworm", "docker.io/library/golden", "golden:latest"}) {
    ASSERT_OK_AND_ASSIGN(const PullPlan plan, Plan(reference));
    EXPECT_EQ(plan.id, "");
    EXPECT_EQ(plan.oci_reference, reference);
    EXPECT_FALSE(plan.bundle.has_value());
  }
}

TEST_F(AvailableImagesTest, ACatalogThatIsAwayIsNotGoneAround) {
  catalogs_.error = SourceUnreachable("https://c", "no route");
  EXPECT_EQ(ErrorReason(Plan("debian").status()), "SOURCE_UNREACHABLE");
  EXPECT_THAT(Plan("debian").status().message(), HasSubstr("docker.io/library/debian"));
  EXPECT_OK(Plan("docker.io/library/debian"));
}

TEST_F(AvailableImagesTest, AnotherMachinesImageIsRefusedBeforeItIsFetched) {
  EXPECT_EQ(ErrorReason(Plan("other").status()), "PLATFORM_NOT_FOUND");
}

TEST_F(AvailableImagesTest, AStateSaysWhetherItIsHere) {
  EXPECT_EQ(StateOf(0), State::kAvailable);
  store_.images["golden"] = {.id = "golden", .digest = "sha256:ab"};
  EXPECT_EQ(StateOf(0), State::kPulled);
  store_.images["golden"].digest = "sha256:cd";
  EXPECT_EQ(StateOf(0), State::kUpdate);
  store_.images["plain"] = {.id = "plain", .source = "import:x.tar"};
  EXPECT_EQ(StateOf(1), State::kUpdate);
  store_.images["plain"].source = "pull:r/plain:1";
  EXPECT_EQ(StateOf(1), State::kPulled);
}

}  // namespace
}  // namespace banger::imaged
