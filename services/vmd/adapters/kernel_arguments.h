// What every VMM tells the guest's kernel.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"

namespace banger::vmd {

// The agent, on the first disk, is the init, and learns whose VM it is in. A panic ends
// the VM. The kernel's self-tests of its ciphers are a quarter of an emulated boot.
inline std::string KernelArguments(const std::string& uid) {
  return absl::StrCat(
      "console=ttyS0 rootfstype=ext4 init=/banger-agent quiet panic=-1 cryptomgr.notests banger.vm=", uid);
}

}  // namespace banger::vmd
