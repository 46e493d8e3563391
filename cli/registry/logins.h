// The user's logins for registries, wherever they are kept.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/oci/registry_auth.h"

namespace banger::cli {

// Empty credentials when there are none. `auth_file`, when given, must exist.
absl::StatusOr<oci::Credentials> FindLogin(const std::string& registry, const std::string& auth_file,
                                           const std::stop_token& stop);

// In the first of the files, or where that says. Gives the name of the place.
absl::StatusOr<std::string> KeepLogin(const std::string& registry, const oci::Credentials& login,
                                      const std::string& auth_file, const std::stop_token& stop);

// False when there was none.
absl::StatusOr<bool> ForgetLogin(const std::string& registry, const std::string& auth_file,
                                 const std::stop_token& stop);

}  // namespace banger::cli
