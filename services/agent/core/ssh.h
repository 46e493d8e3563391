// What passes between the parts of an ssh session in the guest: the agent that Exec
// starts, dropbear, and the agent as the users' login shell.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/agent/core/environment.h"

namespace banger::agent {

// "ssh-ed25519 AAAA..." as a line of authorized_keys. INVALID_ARGUMENT for anything
// that is not just a type and a key: no options, no comment, no second line.
absl::StatusOr<std::string> AuthorizedKey(absl::string_view key);

// The image's environment in disguise: dropbear hands it on, but does not see a PATH or
// an LD_PRELOAD for itself. What names a user is left out: dropbear knows better.
Environment Disguise(const Environment& image);

// What the login shell gets, from what dropbear gave the agent: the undisguised one
// under dropbear's own, the real HOME and SHELL over it.
Environment LoginEnvironment(const Environment& given);

}  // namespace banger::agent
