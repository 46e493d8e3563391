// Every error that kerneld's API answers, with code, reason and metadata.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status/error.h"
#include "common/status/source_unreachable.h"

namespace banger::kerneld {

inline absl::Status KernelNotFound(const std::string& id) {
  return ApiError(absl::StatusCode::kNotFound, "KERNEL_NOT_FOUND",
                  absl::StrCat("kernel '", id, "' not found"), {{"kernel", id}});
}

inline absl::Status NoKernel() {
  return ApiError(absl::StatusCode::kNotFound, "NO_KERNEL", "there is no kernel yet");
}

inline absl::Status KernelExists(const std::string& id) {
  return ApiError(absl::StatusCode::kAlreadyExists, "KERNEL_EXISTS",
                  absl::StrCat("kernel '", id, "' exists already"), {{"kernel", id}});
}

inline absl::Status KernelNameInvalid(const std::string& id) {
  return ApiError(absl::StatusCode::kInvalidArgument, "KERNEL_NAME_INVALID",
                  absl::StrCat("kernel name '", id,
                               "' is not 1 to 64 letters, digits, '.', '_' or '-' that start with a "
                               "letter or digit"),
                  {{"kernel", id}});
}

inline absl::Status CatalogEntryNotFound(const std::string& id) {
  return ApiError(absl::StatusCode::kNotFound, "CATALOG_ENTRY_NOT_FOUND",
                  absl::StrCat("the catalog has no kernel '", id, "'"), {{"kernel", id}});
}

// The bytes are damaged, or are no kernel at all.
inline absl::Status KernelCorrupt(absl::string_view what) {
  return ApiError(absl::StatusCode::kDataLoss, "KERNEL_CORRUPT", what);
}

// A sound kernel that cannot boot a VM here: another machine, no virtio, no PVH.
inline absl::Status KernelUnsuitable(absl::string_view what) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "KERNEL_UNSUITABLE", what);
}

// An archive with members that could write elsewhere, or too many of them.
inline absl::Status ArchiveRefused(absl::string_view what) {
  return ApiError(absl::StatusCode::kInvalidArgument, "ARCHIVE_REFUSED", what);
}

inline absl::Status RequestInvalid(const std::string& field, absl::string_view what) {
  return ApiError(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID", absl::StrCat(field, " ", what),
                  {{"field", field}});
}

}  // namespace banger::kerneld
