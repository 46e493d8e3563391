#include "services/gateway/adapters/tls_credentials.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::gateway {
namespace {

constexpr std::size_t kMaxFile = 4 << 20;
constexpr std::size_t kMaxKey = 64 << 10;
constexpr int kMaxChain = 4;
constexpr unsigned char kHttp2[] = {2, 'h', '2'};

absl::Status Fault(const std::filesystem::path& file, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat("'", file.string(), "': ", why));
}

absl::StatusOr<BioPtr> BioOf(const std::string& text, const std::filesystem::path& file) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || BIO_write(bio.get(), text.data(), static_cast<int>(text.size())) < 0)
    return Fault(file, OpenSslReason());
  return bio;
}

absl::StatusOr<BioPtr> Open(const std::filesystem::path& file) {
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxFile));
  return BioOf(text, file);
}

// Its mode is that of what is read, whatever takes the name meanwhile.
absl::StatusOr<BioPtr> OpenKey(const std::filesystem::path& file) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(file, O_RDONLY));
  struct stat info {};
  if (::fstat(fd.get(), &info) < 0) return ErrnoError(errno, absl::StrCat("stat '", file.string(), "'"));
  if ((info.st_mode & 07) != 0)
    return Fault(file, "everybody can read this key: take that away with 'chmod o-rwx'");
  std::string text(kMaxKey, '\0');
  BANGER_ASSIGN_OR_RETURN(const std::size_t size, ReadFully(fd.get(), text.data(), text.size()));
  text.resize(size);
  return BioOf(text, file);
}

CertificatePtr NextCertificate(BIO* bio) {
  CertificatePtr certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
  return certificate;
}

// An ordinary end of a PEM file leaves an error behind, too.
absl::Status AtEnd(const std::filesystem::path& file) {
  const unsigned long code = ERR_peek_last_error();
  if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
    ERR_clear_error();
    return absl::OkStatus();
  }
  return Fault(file, OpenSslReason());
}

absl::Status UseCertificate(SSL_CTX* context, const std::filesystem::path& file) {
  BANGER_ASSIGN_OR_RETURN(const BioPtr bio, Open(file));
  const CertificatePtr own = NextCertificate(bio.get());
  if (own == nullptr) return Fault(file, "there is no certificate in it");
  if (SSL_CTX_use_certificate(context, own.get()) != 1) return Fault(file, OpenSslReason());
  while (CertificatePtr next = NextCertificate(bio.get()))
    if (SSL_CTX_add0_chain_cert(context, next.release()) != 1) return Fault(file, OpenSslReason());
  return AtEnd(file);
}

absl::Status UseKey(SSL_CTX* context, const TlsFiles& files) {
  BANGER_ASSIGN_OR_RETURN(const BioPtr bio, OpenKey(files.key));
  // Nobody is there to be asked for a password.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (key == nullptr)
    return Fault(files.key, absl::StrCat("there is no key that can be read: ", OpenSslReason()));
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return Fault(files.key, absl::StrCat("it is not the key of '", files.cert.string(), "'"));
  }
  return absl::OkStatus();
}

absl::Status UseAuthorities(SSL_CTX* context, const std::filesystem::path& file) {
  BANGER_ASSIGN_OR_RETURN(const BioPtr bio, Open(file));
  int count = 0;
  for (; CertificatePtr next = NextCertificate(bio.get()); ++count)
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), next.get()) != 1 ||
        SSL_CTX_add_client_CA(context, next.get()) != 1)
      return Fault(file, OpenSslReason());
  BANGER_RETURN_IF_ERROR(AtEnd(file));
  return count > 0 ? absl::OkStatus() : Fault(file, "there is no certificate in it");
}

absl::Status UseRevocations(SSL_CTX* context, const std::filesystem::path& file) {
  if (file.empty()) return absl::OkStatus();
  BANGER_ASSIGN_OR_RETURN(const BioPtr bio, Open(file));
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int count = 0;
  for (; const CrlPtr next{PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)}; ++count)
    if (X509_STORE_add_crl(store, next.get()) != 1) return Fault(file, OpenSslReason());
  BANGER_RETURN_IF_ERROR(AtEnd(file));
  if (count == 0) return Fault(file, "there is no revocation list in it");
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return absl::OkStatus();
}

int ChooseHttp2(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                unsigned int offered_size, void*) {
  unsigned char* out = nullptr;
  if (SSL_select_next_proto(&out, size, kHttp2, sizeof kHttp2, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

SslContextPtr NewContext() {
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_num_tickets(context.get(), 0) != 1)
    return nullptr;
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // Else one SSL_read would go on for as long as a client sends nothing but KeyUpdates.
  SSL_CTX_clear_mode(context.get(), SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context.get(), kMaxChain);
  SSL_CTX_set_alpn_select_cb(context.get(), ChooseHttp2, nullptr);
  return context;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TlsCredentials>> TlsCredentials::Load(const TlsFiles& files) {
  ERR_clear_error();
  SslContextPtr context = NewContext();
  if (context == nullptr) return absl::InternalError(absl::StrCat("prepare TLS 1.3: ", OpenSslReason()));
  BANGER_RETURN_IF_ERROR(UseCertificate(context.get(), files.cert));
  BANGER_RETURN_IF_ERROR(UseKey(context.get(), files));
  BANGER_RETURN_IF_ERROR(UseAuthorities(context.get(), files.client_ca));
  BANGER_RETURN_IF_ERROR(UseRevocations(context.get(), files.client_crl));
  return std::shared_ptr<const TlsCredentials>(new TlsCredentials(std::move(context)));
}

SslPtr TlsCredentials::NewSession() const { return SslPtr(SSL_new(context_.get())); }

absl::Status TlsCredentials::Verify(SSL* session) const {
  const StoreContextPtr check(X509_STORE_CTX_new());
  if (check == nullptr ||
      X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context_.get()),
                          SSL_get0_peer_certificate(session), SSL_get_peer_cert_chain(session)) != 1 ||
      X509_STORE_CTX_set_default(check.get(), "ssl_client") != 1)
    return absl::InternalError(absl::StrCat("verify a certificate: ", OpenSslReason()));
  X509_STORE_CTX_set_depth(check.get(), kMaxChain);
  if (X509_verify_cert(check.get()) == 1) return absl::OkStatus();
  return absl::PermissionDeniedError(X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get())));
}

}  // namespace banger::gateway
