// What tells this machine from all others: its id and the keys of its ssh servers.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::agent {

// Whose machine the kernel was started as ("banger.vm=" of its command line); may be
// empty.
std::string VmUidOfBoot();

// Gives the machine below `root` an id of its own, and takes away the host keys that it
// shares with others, unless it is the VM `vm_uid`'s already: then it has come with an
// image, or with the disks or the memory of another VM. An empty uid is anybody's.
// Whether it did.
absl::StatusOr<bool> TakeIdentity(const std::string& vm_uid, const std::filesystem::path& root = "/");

// Whether the image has an sshd, and what makes keys for it.
bool HasOwnSshServer(const std::filesystem::path& root);

// For images whose init is the agent: makes this VM's ssh host key, once, if there
// is an sshd to use it. Does not wait for it; the child is PID 1's to reap.
void StartHostKeys();

// After TakeIdentity in a guest that runs: the image's sshd gets new keys and is
// started again with them, by its init. Does not wait for it.
void RenewRunningHostKeys();

// Begins the kernel's random generator anew with these bytes in its pool.
absl::Status Reseed(absl::string_view entropy);

}  // namespace banger::agent
