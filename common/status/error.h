// Errors that are part of an API: an absl::Status that also carries a reason
// (stable, for programs) and metadata (names of the things concerned). They
// travel as payloads of the status, so layers that know nothing of the wire can
// make and pass them; common/rpc turns them into google.rpc.ErrorInfo and back.
//
// Each service collects its errors as functions in its errors.h:
//
//   inline absl::Status KernelNotFound(const std::string& id) {
//     return ApiError(absl::StatusCode::kNotFound, "KERNEL_NOT_FOUND",
//                     absl::StrCat("kernel '", id, "' not found"), {{"kernel", id}});
//   }
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger {

using ErrorMetadata = std::map<std::string, std::string>;

// `reason` is UPPER_SNAKE_CASE.
absl::Status ApiError(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                      const ErrorMetadata& metadata = {});

// Empty when the status is not an API error.
std::string ErrorReason(const absl::Status& status);
ErrorMetadata GetErrorMetadata(const absl::Status& status);

// The same status with "context: " before its message; code, reason and
// metadata stay. An OK status stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// "open '/x': No such file or directory", with absl's code for the errno.
// Not an API error: at the edge it becomes INTERNAL unless someone wraps it. Only
// a full disk or quota speaks for itself, wherever it is met: DISK_FULL.
absl::Status ErrnoError(int error_number, absl::string_view context);

// `first`, with the message of `second` added when both failed. For clean-up
// that must go on after a failure.
absl::Status JoinErrors(const absl::Status& first, const absl::Status& second);

}  // namespace banger
