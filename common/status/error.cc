#include "common/status/error.h"

#include <cerrno>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace banger {
namespace {

constexpr char kReasonUrl[] = "banger/reason";
constexpr char kMetadataPrefix[] = "banger/metadata/";

}  // namespace

absl::Status ApiError(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                      const ErrorMetadata& metadata) {
  absl::Status status(code, message);
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  for (const auto& [key, value] : metadata)
    status.SetPayload(absl::StrCat(kMetadataPrefix, key), absl::Cord(value));
  return status;
}

std::string ErrorReason(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

ErrorMetadata GetErrorMetadata(const absl::Status& status) {
  ErrorMetadata metadata;
  status.ForEachPayload([&metadata](absl::string_view url, const absl::Cord& value) {
    if (absl::ConsumePrefix(&url, kMetadataPrefix)) metadata[std::string(url)] = std::string(value);
  });
  return metadata;
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&annotated](absl::string_view url, const absl::Cord& value) { annotated.SetPayload(url, value); });
  return annotated;
}

absl::Status ErrnoError(int error_number, absl::string_view context) {
  const absl::Status status = absl::ErrnoToStatus(error_number, context);
  const bool disk_full = error_number == ENOSPC || error_number == EDQUOT;
  if (disk_full) return ApiError(absl::StatusCode::kResourceExhausted, "DISK_FULL", status.message());
  return status;
}

absl::Status JoinErrors(const absl::Status& first, const absl::Status& second) {
  if (first.ok()) return second;
  if (second.ok()) return first;
  absl::Status joined(first.code(), absl::StrCat(first.message(), "; then: ", second.message()));
  first.ForEachPayload(
      [&joined](absl::string_view url, const absl::Cord& value) { joined.SetPayload(url, value); });
  return joined;
}

}  // namespace banger
