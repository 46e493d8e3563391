// The one error that several services answer in the same words.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status/error.h"

namespace banger {

// The place that something is to come from cannot be had now.
inline absl::Status SourceUnreachable(const std::string& source, absl::string_view why) {
  return ApiError(absl::StatusCode::kUnavailable, "SOURCE_UNREACHABLE", absl::StrCat(source, ": ", why),
                  {{"source", source}});
}

}  // namespace banger
