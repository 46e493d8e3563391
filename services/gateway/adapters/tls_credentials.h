// What the TLS listener proves itself with, and whom it trusts.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/tls/openssl.h"

namespace banger::gateway {

// All PEM. `cert` is followed by the certificates between it and its authority, if
// there are any; `client_ca` has one or more authorities; `client_crl`, when not empty,
// a revocation list of each of them.
struct TlsFiles {
  std::filesystem::path cert;
  std::filesystem::path key;
  std::filesystem::path client_ca;
  std::filesystem::path client_crl;
};

// One state of these files. Immutable: to reload is to load another one, so that every
// handshake sees files that belong together. Thread-safe.
class TlsCredentials {
 public:
  // Errors name the file. Refuses a key that everybody can read.
  static absl::StatusOr<std::shared_ptr<const TlsCredentials>> Load(const TlsFiles& files);

  // A server's session: TLS 1.3 only, HTTP/2 only, a client certificate is needed, and
  // nothing is resumed, as that would go past the revocation list. SSL_read returns
  // after each record (WANT_READ), also when there are more.
  SslPtr NewSession() const;

  // Whether the certificate of an established session would be taken still.
  absl::Status Verify(SSL* session) const;

 private:
  explicit TlsCredentials(SslContextPtr context) : context_(std::move(context)) {}

  SslContextPtr context_;
};

}  // namespace banger::gateway
