#include "services/kerneld/core/kernel_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace banger::kerneld {
namespace {

constexpr std::size_t kMaxName = 64;

// The run of digits, or of anything else, at the start; taken off.
absl::string_view TakeRun(absl::string_view& text) {
  std::size_t end = 1;
  while (end < text.size() && absl::ascii_isdigit(text[end]) == absl::ascii_isdigit(text[0])) ++end;
  const absl::string_view run = text.substr(0, end);
  text.remove_prefix(end);
  return run;
}

// Negative, 0 or positive; numbers of any length.
int CompareRuns(absl::string_view a, absl::string_view b) {
  if (absl::ascii_isdigit(a[0]) && absl::ascii_isdigit(b[0])) {
    a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
    b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  }
  return a.compare(b);
}

}  // namespace

bool IsValidKernelName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxName || !absl::ascii_isalnum(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [](char byte) {
    return absl::ascii_isalnum(byte) || byte == '.' || byte == '_' || byte == '-';
  });
}

bool IsOlderVersion(absl::string_view a, absl::string_view b) {
  while (!a.empty() && !b.empty()) {
    const int order = CompareRuns(TakeRun(a), TakeRun(b));
    if (order != 0) return order < 0;
  }
  return a.empty() && !b.empty();
}

}  // namespace banger::kerneld
