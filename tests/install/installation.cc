#include "tests/install/installation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/os/subprocess.h"
#include "common/status/status_macros.h"

namespace banger {
namespace fs = std::filesystem;

absl::StatusOr<std::string> OutputOf(const std::vector<std::string>& argv) {
  BANGER_ASSIGN_OR_RETURN(const CommandResult result, RunCommand({.argv = argv}));
  std::string output = absl::StrCat(result.out, result.err);
  if (result.status.success()) return output;
  return absl::InternalError(
      absl::StrCat(absl::StrJoin(argv, " "), ": ", result.status.ToString(), "\n", output));
}

absl::Status Install(const fs::path& prefix, const std::string& component) {
  std::vector<std::string> argv = {BANGER_CMAKE, "--install", BANGER_BUILD_DIR,
                                   "--strip",    "--prefix",  prefix};
  if (!component.empty()) argv.insert(argv.end(), {"--component", component});
  return OutputOf(argv).status();
}

std::vector<std::string> InstallUnits(const fs::path& prefix, const fs::path& work, int systemd_version) {
  return {BANGER_CMAKE,
          absl::StrCat("-DCMAKE_INSTALL_PREFIX=", prefix.string()),
          absl::StrCat("-Dsource=", BANGER_SOURCE_DIR, "/deploy"),
          absl::StrCat("-Dwork=", (work / "units").string()),
          absl::StrCat("-Dsystemd_version=", systemd_version),
          "-P",
          absl::StrCat(BANGER_SOURCE_DIR, "/deploy/InstallUnits.cmake")};
}

absl::StatusOr<std::vector<fs::path>> MakePackages(const fs::path& directory) {
  BANGER_RETURN_IF_ERROR(OutputOf({BANGER_CPACK, "-G", "DEB", "--config",
                                   absl::StrCat(BANGER_BUILD_DIR, "/CPackConfig.cmake"), "-B", directory})
                             .status());
  std::vector<fs::path> packages;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.path().extension() == ".deb") packages.push_back(entry.path());
  std::sort(packages.begin(), packages.end());
  return packages;
}

std::vector<std::string> FilesBelow(const fs::path& directory) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_symlink() || !entry.is_directory())
      files.push_back(entry.path().lexically_relative(directory));
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace banger
