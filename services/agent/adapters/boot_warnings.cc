#include "services/agent/adapters/boot_warnings.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_split.h"
#include "common/log/log.h"
#include "common/os/file.h"

namespace banger::agent {
namespace {

constexpr char kFile[] = "/run/banger/warnings";

}  // namespace

void NoteBootWarning(const std::string& warning) {
  log::Warn(warning);
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(kFile).parent_path(), error);
  std::ofstream(kFile, std::ios::app) << warning << '\n';
}

std::vector<std::string> BootWarnings() {
  const absl::StatusOr<std::string> text = ReadFile(kFile);
  if (!text.ok()) return {};
  return absl::StrSplit(*text, '\n', absl::SkipEmpty());
}

}  // namespace banger::agent
