// The user's key for VMs, and where the CLI keeps what belongs to ssh:
//   <client dir>/ssh/{id_ed25519, id_ed25519.pub, known_hosts, config}
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace banger::cli {

// A program of OpenSSH's client; an error that says what to install when there is none.
absl::StatusOr<std::filesystem::path> FindSshProgram(const std::string& name);

// Exists, and only its owner can look into it.
absl::StatusOr<std::filesystem::path> SshDir();

// The private key: `ssh_key_path` of the configuration, else one in SshDir. Made, once
// and without a passphrase, when it is not there; of two that make it at the same time
// both get the same one.
absl::StatusOr<std::filesystem::path> SshKey();

// "ssh-ed25519 AAAA...", without the comment.
absl::StatusOr<std::string> PublicKeyOf(const std::filesystem::path& private_key);

}  // namespace banger::cli
