// Every error that the agent's API answers. Of those of Exec and the trees vmd passes
// on only the reasons that services/vmd/guest_call.cc names.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace banger::agent {

// What was asked for cannot be run: no such user, no such working directory, an
// argument that is none. Failures of the system pass as they are.
inline absl::Status CommandRefused(const absl::Status& why) {
  if (!absl::IsInvalidArgument(why) && !absl::IsNotFound(why) && !absl::IsFailedPrecondition(why) &&
      !absl::IsPermissionDenied(why))
    return why;
  return ApiError(why.code(), "COMMAND_REFUSED", why.message());
}

// A command needs something of the image's config that cannot be used; `field` as
// OCI names it.
inline absl::Status ImageConfigUnusable(absl::string_view field, const absl::Status& why) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "IMAGE_CONFIG_UNUSABLE",
                  absl::StrCat("the image's ", field, ": ", why.message()), {{"field", std::string(field)}});
}

inline absl::Status NoCommand() {
  return ApiError(absl::StatusCode::kInvalidArgument, "NO_COMMAND",
                  "the first message of Exec has no command");
}

// A tree could not be read or written. A full disk, a caller that left and the like
// pass as they are.
inline absl::Status CopyFailed(const absl::Status& why) {
  if (why.ok() || !ErrorReason(why).empty() || absl::IsCancelled(why)) return why;
  const absl::StatusCode code = absl::IsNotFound(why) || absl::IsInvalidArgument(why)
                                    ? why.code()
                                    : absl::StatusCode::kFailedPrecondition;
  return ApiError(code, "COPY_FAILED", why.message());
}

inline absl::Status NoTarget() {
  return ApiError(absl::StatusCode::kInvalidArgument, "NO_TARGET",
                  "the first message of Dial has no port of 1 to 65535");
}

inline absl::Status PortRefused(int port) {
  return ApiError(absl::StatusCode::kUnavailable, "PORT_REFUSED",
                  absl::StrCat("nobody listens on port ", port, " in the guest"),
                  {{"port", absl::StrCat(port)}});
}

inline absl::Status PowerOffFailed(const absl::Status& why) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "POWER_OFF_FAILED",
                  absl::StrCat("power off: ", why.message()));
}

}  // namespace banger::agent
