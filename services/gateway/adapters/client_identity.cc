#include "services/gateway/adapters/client_identity.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/tls/openssl.h"

namespace banger::gateway {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr absl::string_view kRolePrefix = "banger-";
// Of users of this host, in the audit log: see caller.cc.
constexpr absl::string_view kLocalPrefix = "uid:";

std::vector<std::string> Entries(X509* certificate, int nid) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  std::vector<std::string> values;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, nid, at)) >= 0;) {
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    values.emplace_back(reinterpret_cast<const char*>(text), size > 0 ? static_cast<std::size_t>(size) : 0);
    OPENSSL_free(text);
  }
  return values;
}

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxName &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

absl::StatusOr<ClientIdentity> IdentityOf(X509* certificate) {
  const std::vector<std::string> names = Entries(certificate, NID_commonName);
  if (names.size() != 1 || !IsName(names.front()))
    return absl::PermissionDeniedError(
        "its subject has no common name of 1 to 64 printable ASCII characters without blanks");
  if (absl::StartsWith(names.front(), kLocalPrefix))
    return absl::PermissionDeniedError(
        "its common name starts with 'uid:', as users of the gateway's own host are called");
  ClientIdentity identity{.name = names.front()};
  for (const std::string& unit : Entries(certificate, NID_organizationalUnitName)) {
    absl::string_view role = unit;
    if (!absl::ConsumePrefix(&role, kRolePrefix) || RoleNamed(role) == Role::kNone) continue;
    if (identity.role != Role::kNone)
      return absl::PermissionDeniedError("its subject has more than one organizational unit that is a role");
    identity.role = RoleNamed(role);
  }
  return identity;
}

}  // namespace banger::gateway
