#include "common/os/sysctl.h"

#include <fcntl.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"

namespace banger {

absl::StatusOr<bool> SysctlIs(const std::filesystem::path& file, char value) {
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (absl::IsNotFound(text.status())) return false;
  if (!text.ok()) return text.status();
  return absl::StripTrailingAsciiWhitespace(*text) == absl::string_view(&value, 1);
}

absl::Status SetSysctl(const std::filesystem::path& file, char value) {
  const absl::StatusOr<UniqueFd> fd = OpenFile(file, O_WRONLY);
  if (!fd.ok()) return fd.status();
  return Annotate(WriteFully(fd->get(), absl::string_view(&value, 1)),
                  absl::StrCat("set '", file.string(), "'"));
}

}  // namespace banger
