// Docker's credential helpers: programs `docker-credential-NAME` that keep logins
// for this user. Secrets go over pipes, never into arguments or errors.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/oci/registry_auth.h"

namespace banger::cli {

class CredentialHelper {
 public:
  // INVALID_ARGUMENT unless the name is one: it becomes part of a program's.
  static absl::StatusOr<CredentialHelper> Create(const std::string& name);

  // Nothing when it has none for the server.
  absl::StatusOr<std::optional<oci::Credentials>> Get(const std::string& server,
                                                      const std::stop_token& stop) const;
  absl::Status Store(const std::string& server, const oci::Credentials& login,
                     const std::stop_token& stop) const;
  // Fine when it has none.
  absl::Status Erase(const std::string& server, const std::stop_token& stop) const;

 private:
  struct Answer {
    bool known = false;  // false: it has no such login
    std::string text;
  };

  explicit CredentialHelper(std::string program) : program_(std::move(program)) {}
  absl::StatusOr<Answer> Run(const std::string& verb, const std::string& input,
                             const std::stop_token& stop) const;

  std::string program_;
};

}  // namespace banger::cli
