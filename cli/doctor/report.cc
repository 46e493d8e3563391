#include "cli/doctor/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace banger::cli {
namespace {

const char* Word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "PASS";
    case Verdict::kWarn:
      return "WARN";
    case Verdict::kFail:
      break;
  }
  return "FAIL";
}

}  // namespace

std::string ReportLines(const Findings& findings) {
  std::size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, finding.check.size());
  std::string text;
  for (const Finding& finding : findings) {
    absl::StrAppend(&text, Word(finding.verdict), "  ", finding.check,
                    std::string(width - finding.check.size() + 2, ' '), finding.detail, "\n");
    if (!finding.repair.empty())
      absl::StrAppend(&text, std::string(width + 8, ' '), "-> ", finding.repair, "\n");
  }
  return text;
}

std::string ReportJson(const Findings& findings) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const Finding& finding : findings)
    checks.push_back({{"check", finding.check},
                      {"verdict", Word(finding.verdict)},
                      {"detail", finding.detail},
                      {"repair", finding.repair}});
  return nlohmann::ordered_json{{"checks", checks}}.dump(1, ' ', false,
                                                         nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace banger::cli
