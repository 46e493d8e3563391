// An ssh server for one connection, on our stdin and stdout.
#pragma once

#include <filesystem>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::agent {

// `public_key` ("ssh-ed25519 AAAA...") lets in, as any user; nothing else does. The
// files of users are neither read nor written. As root, until the connection ends.
absl::Status ServeSsh(absl::string_view public_key);

// The VM's host key, made when it is not there by `make`, which writes one to the path
// that it is given. Of two that make one at the same time both get the same.
// `directory` is made when it is missing.
absl::StatusOr<std::filesystem::path> HostKey(
    const std::filesystem::path& directory,
    const std::function<absl::Status(const std::filesystem::path&)>& make);

}  // namespace banger::agent
