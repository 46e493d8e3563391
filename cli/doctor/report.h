// What the doctor prints.
#pragma once

#include <string>

#include "cli/doctor/finding.h"

namespace banger::cli {

// A line for each finding, and one for what repairs it.
std::string ReportLines(const Findings& findings);

// {"checks": [{"check", "verdict", "detail", "repair"}]}
std::string ReportJson(const Findings& findings);

}  // namespace banger::cli
