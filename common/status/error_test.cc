#include "common/status/error.h"

#include <cerrno>

#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ErrorTest, AnApiErrorCarriesReasonAndMetadata) {
  const absl::Status status =
      ApiError(absl::StatusCode::kNotFound, "KERNEL_NOT_FOUND", "kernel 'x' not found", {{"kernel", "x"}});

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, "kernel 'x' not found"));
  EXPECT_EQ(ErrorReason(status), "KERNEL_NOT_FOUND");
  EXPECT_THAT(GetErrorMetadata(status), ElementsAre(Pair("kernel", "x")));
}

TEST(ErrorTest, AnnotateKeepsCodeReasonAndMetadata) {
  const absl::Status status =
      Annotate(ApiError(absl::StatusCode::kDataLoss, "DIGEST_MISMATCH", "digest differs", {{"kernel", "x"}}),
               "pull 'x'");

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "pull 'x': digest differs"));
  EXPECT_EQ(ErrorReason(status), "DIGEST_MISMATCH");
  EXPECT_THAT(GetErrorMetadata(status), ElementsAre(Pair("kernel", "x")));
  EXPECT_THAT(Annotate(absl::OkStatus(), "nothing"), IsOk());
}

TEST(ErrorTest, AnErrnoErrorIsNoApiError) {
  const absl::Status status = ErrnoError(ENOENT, "open '/none'");

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, "open '/none': No such file or directory"));
  EXPECT_THAT(ErrorReason(status), IsEmpty());
}

TEST(ErrorTest, AFullDiskIsOneWhereverItIsMet) {
  EXPECT_EQ(ErrorReason(ErrnoError(ENOSPC, "write")), "DISK_FULL");
  EXPECT_THAT(ErrnoError(EDQUOT, "write"), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(ErrorTest, JoinErrorsKeepsTheFirstAndNamesBoth) {
  const absl::Status joined = JoinErrors(absl::InternalError("one"), absl::NotFoundError("two"));

  EXPECT_THAT(joined, StatusIs(absl::StatusCode::kInternal, "one; then: two"));
  EXPECT_THAT(JoinErrors(absl::OkStatus(), absl::NotFoundError("two")),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace banger
