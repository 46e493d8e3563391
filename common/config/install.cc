#include "common/config/install.h"

#include <system_error>

#include "absl/strings/str_cat.h"

namespace banger {
namespace fs = std::filesystem;
namespace {

absl::StatusOr<fs::path> FindBeside(const fs::path& below_prefix) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  fs::path prefix = self.parent_path().parent_path();
  if (prefix.filename() == "libexec") prefix = prefix.parent_path();
  const fs::path found = prefix / below_prefix;
  if (fs::exists(found, error)) return found;
  return absl::NotFoundError(
      absl::StrCat("'", found.string(), "' is not there: the installation is not complete"));
}

}  // namespace

absl::StatusOr<fs::path> FindLibexec(const std::string& name) {
  return FindBeside(fs::path("libexec/banger") / name);
}
absl::StatusOr<fs::path> FindShare(const std::string& name) {
  return FindBeside(fs::path("share/banger") / name);
}

}  // namespace banger
