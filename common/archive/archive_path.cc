#include "common/archive/archive_path.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status/utf8.h"

namespace banger {
namespace {

constexpr std::size_t kMaxPath = 4095;
constexpr std::size_t kMaxComponent = 255;

absl::Status Refuse(absl::string_view path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("member '", PrintableArchivePath(path), "' ", why));
}

}  // namespace

std::string PrintableArchivePath(absl::string_view path) {
  constexpr std::size_t kShown = 200;
  const std::string text = absl::Utf8SafeCEscape(ValidUtf8(path.substr(0, kShown)));
  return path.size() > kShown ? text + "..." : text;
}

absl::StatusOr<std::string> NormalizeArchivePath(absl::string_view path) {
  if (path.empty()) return Refuse(path, "has no name");
  if (path.size() > kMaxPath) return Refuse(path, "has a name of more than 4095 bytes");
  if (absl::StartsWith(path, "/")) return Refuse(path, "has an absolute name");
  if (path.find('\0') != absl::string_view::npos) return Refuse(path, "has a NUL in its name");
  std::vector<absl::string_view> components;
  for (const absl::string_view component : absl::StrSplit(path, '/')) {
    if (component.empty() || component == ".") continue;
    if (component == "..") return Refuse(path, "has '..' in its name");
    if (component.size() > kMaxComponent) return Refuse(path, "has a name component of more than 255 bytes");
    components.push_back(component);
  }
  return absl::StrJoin(components, "/");
}

absl::Status CheckSymlinkTarget(absl::string_view path, absl::string_view target) {
  if (target.empty()) return Refuse(path, "is a symlink to nothing");
  if (target.size() > kMaxPath) return Refuse(path, "is a symlink to a name of more than 4095 bytes");
  if (target.find('\0') != absl::string_view::npos) return Refuse(path, "is a symlink to a name with a NUL");
  if (absl::StartsWith(target, "/")) return absl::OkStatus();
  int depth = 0;
  bool named = false;
  for (const char byte : path) depth += byte == '/' ? 1 : 0;
  for (const absl::string_view component : absl::StrSplit(target, '/')) {
    if (component.empty() || component == ".") continue;
    const bool up = component == "..";
    // What a name leads to may be another symlink, and its parent anywhere.
    if (up && (named || --depth < 0)) {
      return Refuse(path,
                    absl::StrCat("is a symlink that leaves the root: '", PrintableArchivePath(target), "'"));
    }
    named = named || !up;
  }
  return absl::OkStatus();
}

}  // namespace banger
