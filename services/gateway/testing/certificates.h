// Certificates of all kinds, made in the test's own process.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace banger::gateway {

struct CertificateSpec {
  std::string name;
  std::vector<std::string> units;    // organizational
  std::string usage = "clientAuth";  // empty: no extended key usage
  std::string alternative_names;     // "IP:127.0.0.1,DNS:localhost"
  int valid_from_seconds = -60;      // from now
  int valid_to_seconds = 3600;
};

// PEM texts.
struct KeyedCertificate {
  std::string certificate;
  std::string key;
};

class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);

  KeyedCertificate Issue(const CertificateSpec& spec);
  // Signed by its own key.
  static KeyedCertificate SelfSigned(const CertificateSpec& spec);
  // A list with the certificates that were revoked so far.
  std::string RevocationList() const;
  void Revoke(const KeyedCertificate& certificate);

  const std::string& certificate() const { return pem_; }

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
  std::string pem_;
  long serial_ = 1;
  std::vector<long> revoked_;
};

}  // namespace banger::gateway
