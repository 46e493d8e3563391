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

// "web" of "vms/web".
inline std::string IdOf(const std::string& name) { return name.substr(name.find('/') + 1); }

}  // namespace banger::cli
