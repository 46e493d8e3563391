// The VM's root: the shared, read-only image with the VM's own disk over it.
#pragma once

#include <filesystem>

#include "absl/status/status.h"
#include "services/agent/adapters/disks.h"

namespace banger::agent {

// On the agent disk, as PID 1: mounts /proc, /sys, /dev and a fresh /run, unless
// the initrd did.
absl::Status MountKernelFileSystems();

// Lays image and upper disk together, mounts the work disk at /root (first
// filled with what the image has there), binds what must not live on overlayfs,
// takes /proc, /sys, /dev and /run along and makes it the root directory.
absl::Status EnterRootDisk(const Disks& disks);

// What else a Linux system has under /dev and /sys; for images whose init does
// not do it.
absl::Status MountWhatAnInitWould();

}  // namespace banger::agent
