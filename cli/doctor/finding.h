// What the doctor found out about one thing.
#pragma once

#include <string>
#include <vector>

namespace banger::cli {

// kWarn: banger works, but worse than it could, or it was not possible to look.
enum class Verdict { kPass, kWarn, kFail };

struct Finding {
  std::string check;  // "kvm"
  Verdict verdict = Verdict::kPass;
  std::string detail;
  // A command that repairs it, or what to do; empty with kPass.
  std::string repair;
};

using Findings = std::vector<Finding>;

inline Finding Pass(const std::string& check, const std::string& detail) {
  return {check, Verdict::kPass, detail, ""};
}
inline Finding Warning(const std::string& check, const std::string& detail, const std::string& repair) {
  return {check, Verdict::kWarn, detail, repair};
}
inline Finding Failure(const std::string& check, const std::string& detail, const std::string& repair) {
  return {check, Verdict::kFail, detail, repair};
}

}  // namespace banger::cli
