#include "tests/style/source_rules.h"

#include <filesystem>
#include <map>
#include <regex>

#include "absl/strings/str_cat.h"

namespace banger::style {
namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Something that is run: what is only sourced has neither of both.
bool IsShellScript(const SourceFile& file) {
  const bool named = file.path.ends_with(".sh");
  const std::string first = file.text.substr(0, file.text.find('\n'));
  if (named) return file.executable || first.starts_with("#!");
  return (file.path.starts_with("scripts/") || file.path.starts_with(".ci/")) && first.starts_with("#!") &&
         first.ends_with("sh");
}

void HeaderFaults(const SourceFile& file, std::vector<std::string>& faults) {
  const std::vector<std::string> lines = file.Lines();
  bool once = false, comment = false;
  for (const std::string& line : lines) {
    once = once || line == "#pragma once";
    comment = comment || line.find_first_not_of(' ') == line.find("//");
  }
  if (!once) faults.push_back(absl::StrCat(file.path, ": no #pragma once"));
  if (!comment) faults.push_back(absl::StrCat(file.path, ": no comment says what callers may rely on"));
  if (Contains(file.text, absl::StrCat("std::", "string_view")))
    faults.push_back(absl::StrCat(file.path, ": takes std::", "string_view: Debian's absl does not convert"));
  if (std::regex_search(file.text, std::regex("(^|\n)using namespace ")))
    faults.push_back(absl::StrCat(file.path, ": using namespace in a header"));
}

void ScriptFaults(const SourceFile& file, std::vector<std::string>& faults) {
  if (!file.text.starts_with("#!/usr/bin/env bash\n"))
    faults.push_back(absl::StrCat(file.path, ": does not start with #!/usr/bin/env bash"));
  if (!Contains(file.text, "\nset -euo pipefail\n"))
    faults.push_back(absl::StrCat(file.path, ": no set -euo pipefail"));
  if (!file.executable) faults.push_back(absl::StrCat(file.path, ": is not executable"));
}

// In full, or in a loop over names: "${name}_test.cc".
bool Names(const std::string& list, const std::string& test) {
  if (Contains(list, test)) return true;
  const std::string stem = test.substr(0, test.size() - std::string("_test.cc").size());
  return Contains(list, "{name}_test.cc") && std::regex_search(list, std::regex("\\b" + stem + "\\b"));
}

}  // namespace

std::vector<std::string> SourceFaults(const SourceFile& file) {
  std::vector<std::string> faults;
  if (file.IsHeader()) HeaderFaults(file, faults);
  if (IsShellScript(file)) ScriptFaults(file, faults);
  if (!file.IsCpp() && !IsShellScript(file) && !file.path.ends_with(".proto")) return faults;
  if (const std::size_t lines = file.Lines().size(); lines > kMaxLines)
    faults.push_back(absl::StrCat(file.path, ": ", lines, " lines; it wants to be two files"));
  // Written apart, so that this file keeps its own rule.
  for (const char* word : {"TO"
                           "DO",
                           "FIX"
                           "ME",
                           "XX"
                           "X"})
    if (std::regex_search(file.text, std::regex(absl::StrCat("\\b", word, "\\b"))))
      faults.push_back(absl::StrCat(file.path, ": ", word, ": do it or open an issue"));
  return faults;
}

std::vector<std::string> ForgottenTests(const std::vector<SourceFile>& tree) {
  std::map<std::string, const SourceFile*> lists;
  for (const SourceFile& file : tree)
    if (file.path.ends_with("CMakeLists.txt")) lists[std::filesystem::path(file.path).parent_path()] = &file;
  std::vector<std::string> forgotten;
  for (const SourceFile& file : tree) {
    if (!file.path.ends_with("_test.cc")) continue;
    bool named = false;
    for (std::filesystem::path folder = file.path; folder.has_parent_path() && !named;) {
      folder = folder.parent_path();
      const auto list = lists.find(folder);
      named = list != lists.end() &&
              Names(list->second->text, std::filesystem::path(file.path).lexically_relative(folder));
    }
    if (!named) forgotten.push_back(file.path);
  }
  return forgotten;
}

std::vector<ErrorReasonUse> ErrorReasons(const SourceFile& file) {
  static const std::regex call(R"(\bApiError\(\s*[\w:]+,\s*\"([^\"]*)\")");
  std::vector<ErrorReasonUse> uses;
  for (std::sregex_iterator it(file.text.begin(), file.text.end(), call), end; it != end; ++it)
    uses.push_back({.path = file.path, .reason = (*it)[1]});
  return uses;
}

}  // namespace banger::style
