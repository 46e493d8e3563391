#include "services/kerneld/core/kernel_layout.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/status/status_macros.h"
#include "services/kerneld/core/kernel_name.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace {

bool Has(const std::vector<std::string>& files, const std::string& path) {
  return std::find(files.begin(), files.end(), path) != files.end();
}

bool HasBelow(const std::vector<std::string>& files, const std::string& directory) {
  return std::any_of(files.begin(), files.end(), [prefix = directory + "/"](const std::string& file) {
    return absl::StartsWith(file, prefix);
  });
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool OlderBaseName(const std::string& a, const std::string& b) {
  return IsOlderVersion(BaseName(a), BaseName(b));
}

// The file `prefix`VERSION of the newest version, or nothing.
std::string NewestWithPrefix(const std::vector<std::string>& files, absl::string_view prefix) {
  std::string newest;
  for (const std::string& file : files) {
    if (!absl::StartsWith(file, prefix) || file.find('/', prefix.size()) != std::string::npos) continue;
    if (newest.empty() || OlderBaseName(newest, file)) newest = file;
  }
  return newest;
}

std::string InitrdFor(const std::vector<std::string>& files, const std::string& suffix) {
  for (const char* prefix : {"boot/initramfs-", "boot/initrd.img-", "boot/initrd-"}) {
    for (const char* ending : {"", ".img"}) {
      std::string path = absl::StrCat(prefix, suffix, ending);
      if (Has(files, path)) return path;
    }
  }
  return {};
}

std::vector<std::string> ModulesDirs(const std::vector<std::string>& files) {
  std::set<std::string> found;
  for (const char* parent : {"lib/modules/", "usr/lib/modules/"}) {
    for (const std::string& file : files) {
      absl::string_view rest = file;
      if (!absl::ConsumePrefix(&rest, parent)) continue;
      const std::size_t end = rest.find('/');
      if (end != absl::string_view::npos) found.insert(absl::StrCat(parent, rest.substr(0, end)));
    }
  }
  return {found.begin(), found.end()};
}

absl::StatusOr<KernelLayout> FromMetadata(const std::vector<std::string>& files,
                                          const SourceMetadata& metadata) {
  for (const std::string& path : {metadata.kernel_path, metadata.initrd_path}) {
    if (!path.empty() && !Has(files, path))
      return KernelCorrupt(absl::StrCat("metadata.json names '", path, "', which is not there"));
  }
  if (metadata.initrd_path == metadata.kernel_path)
    return KernelCorrupt(absl::StrCat("metadata.json names '", metadata.kernel_path, "' for two things"));
  if (!metadata.modules_dir.empty() && !HasBelow(files, metadata.modules_dir)) {
    return KernelCorrupt(
        absl::StrCat("metadata.json names '", metadata.modules_dir, "', which is not there"));
  }
  KernelLayout layout{.image = metadata.kernel_path, .initrd = metadata.initrd_path};
  if (!metadata.modules_dir.empty()) {
    layout.modules_dirs = {metadata.modules_dir};
    layout.modules_given = true;
  }
  return layout;
}

KernelLayout FromBundle(const std::vector<std::string>& files) {
  KernelLayout layout{.image = "vmlinux"};
  if (Has(files, "initrd.img")) layout.initrd = "initrd.img";
  if (HasBelow(files, "modules")) {
    layout.modules_dirs = {"modules"};
    layout.modules_given = true;
  }
  return layout;
}

}  // namespace

absl::StatusOr<KernelLayout> FindKernelLayout(const std::vector<std::string>& files,
                                              const SourceMetadata& metadata) {
  if (!metadata.kernel_path.empty()) return FromMetadata(files, metadata);
  if (Has(files, "vmlinux")) return FromBundle(files);
  for (const absl::string_view prefix : {"boot/vmlinux-", "boot/vmlinuz-"}) {
    const std::string image = NewestWithPrefix(files, prefix);
    if (image.empty()) continue;
    return KernelLayout{.image = image,
                        .initrd = InitrdFor(files, image.substr(prefix.size())),
                        .modules_dirs = ModulesDirs(files)};
  }
  return KernelCorrupt("there is no kernel: no vmlinux, boot/vmlinux-* or boot/vmlinuz-*");
}

absl::StatusOr<std::string> ChooseModules(const KernelLayout& layout, const std::string& kernel_version) {
  const std::vector<std::string>& dirs = layout.modules_dirs;
  if (dirs.empty()) return std::string();
  if (layout.modules_given) return dirs.front();
  if (kernel_version.empty()) return *std::max_element(dirs.begin(), dirs.end(), OlderBaseName);
  for (const std::string& dir : dirs)
    if (BaseName(dir) == kernel_version) return dir;
  return KernelCorrupt(
      absl::StrCat("the kernel is ", kernel_version, ", but there is only ", absl::StrJoin(dirs, ", ")));
}

}  // namespace banger::kerneld
