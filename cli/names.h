// Resource names: the user says "web", the API "vms/web".
#pragma once

#include <string>

#include "absl/strings/str_cat.h"

namespace banger::cli {

// The API's name of what the user typed, who may also have typed that.
inline std::string KernelName(const std::string& id) {
  return id.starts_with("kernels/") ? id : absl::StrCat("kernels/", id);
}
inline std::string ImageName(const std::string& id) {
  return id.starts_with("images/") ? id : absl::StrCat("images/", id);
}
inline std::string VmName(const std::string& id) {
  return id.starts_with("vms/") ? id : absl::StrCat("vms/", id);
}

inline std::string SnapshotName(const std::string& vm, const std::string& id) {
  return absl::StrCat(VmName(vm), "/snapshots/", id);
}
// "base" of "vms/web/snapshots/base".
inline std::string SnapshotIdOf(const std::string& name) { return name.substr(name.rfind('/') + 1); }

// "web" of "vms/web".
inline std::string IdOf(const std::string& name) { return name.substr(name.find('/') + 1); }

}  // namespace banger::cli
