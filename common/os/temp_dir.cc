#include "common/os/temp_dir.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace banger {
namespace fs = std::filesystem;

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  const TempDir old(std::exchange(path_, std::exchange(other.path_, {})));
  return *this;
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

absl::StatusOr<TempDir> TempDir::Create(const fs::path& parent) {
  const char* tmpdir = std::getenv("TMPDIR");
  const fs::path base = !parent.empty() ? parent : tmpdir != nullptr ? fs::path(tmpdir) : fs::path("/tmp");
  std::string name = (base / "banger-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    return ErrnoError(errno, absl::StrCat("create temporary directory in '", base.string(), "'"));
  return TempDir(fs::path(name));
}

}  // namespace banger
