#pragma once

#include <openssl/x509.h>

#include <string>

#include "absl/status/statusor.h"
#include "services/gateway/core/role.h"

namespace banger::gateway {

// Who a certificate says it is: the name is its subject's only common name (CN), the
// role the one of its organizational units (OU) that is "banger-viewer",
// "banger-operator" or "banger-admin". No such unit: kNone.
struct ClientIdentity {
  std::string name;
  Role role = Role::kNone;
};

// PERMISSION_DENIED for a certificate without a name that a log line could show, with
// that of a user of this host ("uid:0"), or with two roles. The certificate has been
// verified.
absl::StatusOr<ClientIdentity> IdentityOf(X509* certificate);

}  // namespace banger::gateway
