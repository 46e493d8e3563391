#include "services/gateway/testing/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>

namespace banger::gateway {
namespace {

// Nothing here fails but for a mistake in the test.
void Must(bool fine) {
  if (!fine) std::abort();
}

std::shared_ptr<EVP_PKEY> NewKey() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  Must(key != nullptr);
  return {key, EVP_PKEY_free};
}

template <typename Write>
std::string Pem(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  Must(write(bio) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

std::string PemOf(X509* certificate) {
  return Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string PemOf(EVP_PKEY* key) {
  return Pem(
      [&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

void AddEntry(X509_NAME* name, const char* field, const std::string& value) {
  Must(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(value.data()),
                                  static_cast<int>(value.size()), -1, 0) == 1);
}

void Extend(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  Must(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

std::shared_ptr<X509> Make(const CertificateSpec& spec, long serial, EVP_PKEY* key) {
  std::shared_ptr<X509> made(X509_new(), X509_free);
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), spec.valid_from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), spec.valid_to_seconds);
  X509_set_pubkey(made.get(), key);
  X509_NAME* subject = X509_get_subject_name(made.get());
  if (!spec.name.empty()) AddEntry(subject, "CN", spec.name);
  for (const std::string& unit : spec.units) AddEntry(subject, "OU", unit);
  if (!spec.usage.empty()) Extend(made.get(), NID_ext_key_usage, spec.usage);
  if (!spec.alternative_names.empty()) Extend(made.get(), NID_subject_alt_name, spec.alternative_names);
  return made;
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name) : key_(NewKey()) {
  certificate_ = Make({.name = name, .units = {}, .usage = ""}, 1, key_.get());
  Extend(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  Extend(certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  Must(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);
  pem_ = PemOf(certificate_.get());
}

KeyedCertificate TestAuthority::Issue(const CertificateSpec& spec) {
  const auto key = NewKey();
  const auto made = Make(spec, ++serial_, key.get());
  X509_set_issuer_name(made.get(), X509_get_subject_name(certificate_.get()));
  Must(X509_sign(made.get(), key_.get(), EVP_sha256()) > 0);
  return {.certificate = PemOf(made.get()), .key = PemOf(key.get())};
}

KeyedCertificate TestAuthority::SelfSigned(const CertificateSpec& spec) {
  const auto key = NewKey();
  const auto made = Make(spec, 7, key.get());
  X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
  Must(X509_sign(made.get(), key.get(), EVP_sha256()) > 0);
  return {.certificate = PemOf(made.get()), .key = PemOf(key.get())};
}

void TestAuthority::Revoke(const KeyedCertificate& certificate) {
  BIO* bio =
      BIO_new_mem_buf(certificate.certificate.data(), static_cast<int>(certificate.certificate.size()));
  X509* parsed = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  Must(parsed != nullptr);
  revoked_.push_back(ASN1_INTEGER_get(X509_get_serialNumber(parsed)));
  X509_free(parsed);
  BIO_free(bio);
}

std::string TestAuthority::RevocationList() const {
  const std::shared_ptr<X509_CRL> list(X509_CRL_new(), X509_CRL_free);
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get()));
  const std::shared_ptr<ASN1_TIME> time(ASN1_TIME_new(), ASN1_STRING_free);
  X509_gmtime_adj(time.get(), -60);
  X509_CRL_set1_lastUpdate(list.get(), time.get());
  for (const long serial : revoked_) {
    X509_REVOKED* entry = X509_REVOKED_new();
    const std::shared_ptr<ASN1_INTEGER> number(ASN1_INTEGER_new(), ASN1_INTEGER_free);
    ASN1_INTEGER_set(number.get(), serial);
    X509_REVOKED_set_serialNumber(entry, number.get());
    X509_REVOKED_set_revocationDate(entry, time.get());
    X509_CRL_add0_revoked(list.get(), entry);
  }
  X509_gmtime_adj(time.get(), 3600);
  X509_CRL_set1_nextUpdate(list.get(), time.get());
  Must(X509_CRL_sign(list.get(), key_.get(), EVP_sha256()) > 0);
  return Pem([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, list.get()); });
}

}  // namespace banger::gateway
