// The host keys of VMs that ssh has seen: banger's own known_hosts.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger::cli {

// Of the file in SshDir: VMs of another host may have the names of VMs here.
std::string KnownHostsName();
std::string KnownHostsName(const std::string& remote_context);

// Removes those of a context that is gone.
void ForgetPinsOf(const std::string& remote_context);

// Whether there is any pin: otherwise there is nothing to look up before a delete.
bool HasPins();

// Forgets the key of the VM of that name (not its id), which is no more. Thread-safe,
// also between processes. A failure is a warning: the VM is gone all the same.
void ForgetPin(const std::string& vm);

// `known_hosts` without the lines of `host` alone, all else as it was.
std::string WithoutHost(absl::string_view known_hosts, absl::string_view host);

}  // namespace banger::cli
