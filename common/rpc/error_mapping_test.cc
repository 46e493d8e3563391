#include "common/rpc/error_mapping.h"

#include "absl/strings/match.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::rpc {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(ErrorMappingTest, AnApiErrorComesBackAsItWas) {
  const absl::Status sent =
      ApiError(absl::StatusCode::kNotFound, "KERNEL_NOT_FOUND", "kernel 'x' not found", {{"kernel", "x"}});

  const absl::Status received = FromGrpc(ToGrpc(sent, "r1"));

  EXPECT_THAT(received, StatusIs(absl::StatusCode::kNotFound, "kernel 'x' not found"));
  EXPECT_EQ(ErrorReason(received), "KERNEL_NOT_FOUND");
  EXPECT_THAT(GetErrorMetadata(received), Contains(Pair("kernel", "x")));
  EXPECT_THAT(GetErrorMetadata(received), Contains(Pair("request_id", "r1")));
}

TEST(ErrorMappingTest, ASyscallsErrorDoesNotPoseAsAnAnswer) {
  const absl::Status received = FromGrpc(ToGrpc(ErrnoError(ENOENT, "open '/dev/kvm'"), "r1"));
  EXPECT_THAT(received, StatusIs(absl::StatusCode::kInternal, HasSubstr("open '/dev/kvm'")));
}

TEST(ErrorMappingTest, WhatAPeerWouldNotTakeIsCutBetweenCharacters) {
  std::string name;
  for (int i = 0; i < 50000; ++i) name += "\u00fc";
  const absl::Status back = FromGrpc(
      ToGrpc(ApiError(absl::StatusCode::kNotFound, "X_NOT_FOUND", "x" + name, {{"name", name}}), "id"));
  EXPECT_EQ(ErrorReason(back), "X_NOT_FOUND");
  EXPECT_LT(back.message().size(), 1100U);
  EXPECT_TRUE(absl::EndsWith(back.message(), "\u00fc..."));
  EXPECT_LT(GetErrorMetadata(back)["name"].size(), 1100U);
}

TEST(ErrorMappingTest, BytesThatAreNoTextKeepNoReasonFromArriving) {
  const absl::Status back = FromGrpc(
      ToGrpc(ApiError(absl::StatusCode::kNotFound, "X_NOT_FOUND", "no 'a\xff'", {{"name", "a\xff"}}), "id"));
  EXPECT_THAT(back, StatusIs(absl::StatusCode::kNotFound, "no 'a?'"));
  EXPECT_EQ(ErrorReason(back), "X_NOT_FOUND");
  EXPECT_EQ(GetErrorMetadata(back)["name"], "a?");
}

TEST(ErrorMappingTest, CodesThatSpeakForThemselvesPass) {
  for (const auto code : {absl::StatusCode::kCancelled, absl::StatusCode::kUnavailable,
                          absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kResourceExhausted}) {
    EXPECT_THAT(FromGrpc(ToGrpc(absl::Status(code, "why"), "r1")), StatusIs(code, "why"));
  }
}

TEST(ErrorMappingTest, AnErrorPassedOnKeepsItsOrigin) {
  SetErrorDomain("imaged");
  const absl::Status first =
      FromGrpc(ToGrpc(ApiError(absl::StatusCode::kNotFound, "NO_KERNEL", "none"), "r1"));
  SetErrorDomain("vmd");
  const absl::Status second = FromGrpc(ToGrpc(first, "r2"));
  EXPECT_THAT(GetErrorMetadata(second), Contains(Pair("domain", "imaged.banger")));
}

}  // namespace
}  // namespace banger::rpc
