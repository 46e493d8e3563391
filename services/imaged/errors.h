// Every error that imaged's API answers, with code, reason and metadata.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/status/error.h"
#include "common/status/source_unreachable.h"

namespace banger::imaged {

inline absl::Status ImageNotFound(const std::string& id) {
  return ApiError(absl::StatusCode::kNotFound, "IMAGE_NOT_FOUND", absl::StrCat("image '", id, "' not found"),
                  {{"image", id}});
}

inline absl::Status ImageExists(const std::string& id) {
  return ApiError(absl::StatusCode::kAlreadyExists, "IMAGE_EXISTS",
                  absl::StrCat("image '", id, "' exists already"), {{"image", id}});
}

inline absl::Status ImageNameInvalid(const std::string& name) {
  return ApiError(absl::StatusCode::kInvalidArgument, "IMAGE_NAME_INVALID",
                  absl::StrCat("image name '", name,
                               "' is not 1 to 128 of a-z 0-9 . _ - that start with a letter or digit"),
                  {{"image", name}});
}

inline absl::Status ImageInUse(const std::string& id, const std::vector<std::string>& leases) {
  const std::string holders = absl::StrJoin(leases, ", ");
  return ApiError(absl::StatusCode::kFailedPrecondition, "IMAGE_IN_USE",
                  absl::StrCat("image '", id, "' is used by ", holders),
                  {{"image", id}, {"holders", holders}});
}

inline absl::Status ImageBuiltIn(const std::string& id) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "IMAGE_BUILT_IN",
                  absl::StrCat("image '", id, "' comes with banger and cannot be deleted"), {{"image", id}});
}

inline absl::Status KernelNotFound(const std::string& id) {
  return ApiError(absl::StatusCode::kNotFound, "KERNEL_NOT_FOUND",
                  absl::StrCat("kernel '", id, "' not found"), {{"kernel", id}});
}

inline absl::Status NoKernel(const std::string& image) {
  return ApiError(absl::StatusCode::kNotFound, "NO_KERNEL",
                  absl::StrCat("image '", image, "' has no kernel of its own and kerneld has none yet"),
                  {{"image", image}});
}

inline absl::Status RequestInvalid(const std::string& field, absl::string_view what) {
  return ApiError(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID", absl::StrCat(field, " ", what),
                  {{"field", field}});
}

inline absl::Status ReferenceInvalid(const std::string& reference, absl::string_view why) {
  return ApiError(absl::StatusCode::kInvalidArgument, "REFERENCE_INVALID", why, {{"reference", reference}});
}

inline absl::Status RemoteImageNotFound(const std::string& reference, absl::string_view why) {
  return ApiError(absl::StatusCode::kNotFound, "REMOTE_IMAGE_NOT_FOUND",
                  absl::StrCat("'", reference, "' is not there: ", why), {{"reference", reference}});
}

inline absl::Status PlatformNotFound(const std::string& wanted, const std::string& offered) {
  return ApiError(absl::StatusCode::kNotFound, "PLATFORM_NOT_FOUND",
                  absl::StrCat("there is no image for ", wanted, "; there are: ", offered),
                  {{"platform", wanted}, {"offered", offered}});
}

// `logged_in`: with credentials that the registry does not take.
inline absl::Status RegistryLoginNeeded(const std::string& registry, bool logged_in, absl::string_view why) {
  return ApiError(
      absl::StatusCode::kUnauthenticated, "REGISTRY_LOGIN_NEEDED",
      absl::StrCat("registry '", registry, "' ",
                   logged_in ? "does not take the login" : "wants a login, or has no such image", ": ", why),
      {{"registry", registry}});
}

inline absl::Status RegistryDenied(const std::string& registry, absl::string_view why) {
  return ApiError(absl::StatusCode::kPermissionDenied, "REGISTRY_DENIED",
                  absl::StrCat("registry '", registry, "' does not allow it: ", why),
                  {{"registry", registry}});
}

// A path that RegisterImage may not use.
inline absl::Status PathNotAllowed(const std::string& path, absl::string_view why) {
  return ApiError(absl::StatusCode::kPermissionDenied, "PATH_NOT_ALLOWED", absl::StrCat("'", path, "' ", why),
                  {{"path", path}});
}

// An archive that could do harm, or is not the kind that was announced.
inline absl::Status ArchiveRefused(absl::string_view what) {
  return ApiError(absl::StatusCode::kInvalidArgument, "ARCHIVE_REFUSED", what);
}

inline absl::Status MemberRefused(const std::string& member, absl::string_view why) {
  return ApiError(absl::StatusCode::kInvalidArgument, "ARCHIVE_REFUSED",
                  absl::StrCat("archive member '", member, "': ", why), {{"member", member}});
}

// The bytes are damaged or contradict themselves.
inline absl::Status ImageCorrupt(absl::string_view what) {
  return ApiError(absl::StatusCode::kDataLoss, "IMAGE_CORRUPT", what);
}

inline absl::Status DigestMismatch(const std::string& what, const std::string& wanted,
                                   const std::string& got) {
  return ApiError(absl::StatusCode::kDataLoss, "DIGEST_MISMATCH",
                  absl::StrCat(what, ": expected ", wanted, ", got ", got),
                  {{"expected", wanted}, {"actual", got}});
}

inline absl::Status DiskFull(absl::string_view what) {
  return ApiError(absl::StatusCode::kResourceExhausted, "DISK_FULL", what);
}

}  // namespace banger::imaged
