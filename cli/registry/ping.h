#pragma once

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "common/oci/registry_auth.h"

namespace banger::cli {

// A usage error for what is no registry's host.
absl::Status CheckRegistryName(const std::string& registry);

// Asks the registry whether it takes the login, with the certificates that the
// configuration names for it. REGISTRY_LOGIN_REFUSED when it does not.
absl::Status PingRegistry(const std::string& registry, const oci::Credentials& login, bool insecure,
                          const std::stop_token& stop);

}  // namespace banger::cli
