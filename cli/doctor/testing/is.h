// For the doctor's tests.
#pragma once

#include <gmock/gmock.h>

#include <string>

#include "cli/doctor/finding.h"

namespace banger::cli {

// A finding with that verdict, whose detail has that text.
inline auto Is(Verdict verdict, const std::string& detail) {
  return ::testing::AllOf(::testing::Field(&Finding::verdict, verdict),
                          ::testing::Field(&Finding::detail, ::testing::HasSubstr(detail)));
}

}  // namespace banger::cli
