#include "cli/errors.h"

#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

TEST(ErrorsTest, ExitCodesTellWhatKindOfFailureItWas) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("x")), 1);
  EXPECT_EQ(ExitCodeOf(UsageError("x")), 2);
  EXPECT_EQ(ExitCodeOf(Annotate(UsageError("x"), "vm run")), 2);
  EXPECT_EQ(ExitCodeOf(ApiError(absl::StatusCode::kInvalidArgument, "VM_NAME_INVALID", "x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("x")), 3);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("x")), 4);
  EXPECT_EQ(ExitCodeOf(ApiError(absl::StatusCode::kUnavailable, "UNAVAILABLE", "netd is down")), 4);
  EXPECT_EQ(ExitCodeOf(ApiError(absl::StatusCode::kUnavailable, "GATEWAY_UNREACHABLE", "x")), 4);
  EXPECT_EQ(ExitCodeOf(ApiError(absl::StatusCode::kUnavailable, "SOURCE_UNREACHABLE", "x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("x")), 130);
  EXPECT_EQ(ExitCodeOf(BrokenPipe()), 141);
}

TEST(ErrorsTest, AnErrorIsThreeLinesAtMost) {
  const absl::Status status =
      ApiError(absl::StatusCode::kFailedPrecondition, "VM_NOT_RUNNING", "vm 'web' is\nstopped \033[31m",
               {{"vm", "web"}, {"request_id", "0011"}});
  EXPECT_EQ(FormatError(Annotate(status, "exec in vm 'web'"), "ffff", false),
            "banger: exec in vm 'web': vm 'web' is?stopped ?[31m (VM_NOT_RUNNING)\n"
            "hint: start it with 'banger vm start web'\n"
            "request: 0011\n");
}

TEST(ErrorsTest, AReasonThatOnlyRepeatsTheCodeIsNotShown) {
  EXPECT_EQ(FormatError(ApiError(absl::StatusCode::kInternal, "INTERNAL", "internal error: x"), "ab", false),
            "banger: internal error: x\nrequest: ab\n");
}

TEST(ErrorsTest, AUsageErrorIsOneLine) {
  EXPECT_EQ(FormatError(UsageError("--x is missing"), "ffff", false), "banger: --x is missing\n");
}

TEST(ErrorsTest, AHintIsForItsReasonOnly) {
  EXPECT_NE(HintFor(GatewayForbidden("x")), "");
  // A file that the user may not read.
  EXPECT_EQ(HintFor(absl::PermissionDeniedError("open '/etc/shadow': Permission denied")), "");
}

TEST(ErrorsTest, ABrokenPipeIsSilent) { EXPECT_EQ(FormatError(BrokenPipe(), "ffff", false), ""); }

TEST(ErrorsTest, ColoursOnlyWhenAsked) {
  EXPECT_EQ(FormatError(absl::InternalError("x"), "", true), "\033[1;31mbanger:\033[0m x\n");
}

}  // namespace
}  // namespace banger::cli
