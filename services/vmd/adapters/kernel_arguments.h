// What every VMM tells the guest's kernel.
#pragma once

namespace banger::vmd {

// The agent, on the first disk, is the init. A panic ends the VM. The kernel's
// self-tests of its ciphers are a quarter of an emulated boot.
inline constexpr char kKernelArguments[] =
    "console=ttyS0 rootfstype=ext4 init=/banger-agent quiet panic=-1 cryptomgr.notests";

}  // namespace banger::vmd
