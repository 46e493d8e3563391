#include "cli/remote/tls_probe.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/tls/openssl.h"

namespace banger::cli {
namespace {

// HTTP/2's preface with an empty SETTINGS frame: the gateway answers it.
constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x4\0\0\0\0\0";

std::string Named(const RemoteContext& context) {
  return absl::StrCat("the gateway at '", context.address, "' (context '", context.name, "')");
}

absl::Status Refused(const RemoteContext& context, const std::string& why) {
  return ApiError(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REFUSED",
                  absl::StrCat(Named(context), " refuses the certificate '", context.cert, "': ", why),
                  {{"context", context.name}});
}

absl::Status Distrusted(const RemoteContext& context, const std::string& why) {
  return ApiError(
      absl::StatusCode::kUnauthenticated, "GATEWAY_NOT_TRUSTED",
      absl::StrCat(Named(context), " has a certificate that '", context.ca, "' does not vouch for: ", why),
      {{"context", context.name}});
}

absl::StatusOr<UniqueFd> Connect(const RemoteContext& context, const HostAndPort& at,
                                 std::chrono::milliseconds timeout) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(at.host.c_str(), at.port.c_str(), &hints, &found); error != 0)
    return absl::UnavailableError(absl::StrCat("find ", Named(context), ": ", ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, FreeWith<::freeaddrinfo>> addresses(found);
  int error = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    UniqueFd fd(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{.tv_sec = timeout.count() / 1000, .tv_usec = timeout.count() % 1000 * 1000};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::connect(fd.get(), address->ai_addr, address->ai_addrlen) == 0) return fd;
    error = errno == EINPROGRESS ? ETIMEDOUT : errno;
  }
  return absl::UnavailableError(absl::StrCat("reach ", Named(context), ": ", std::strerror(error)));
}

SslContextPtr Prepare(const ClientFiles& files) {
  SslContextPtr tls(SSL_CTX_new(TLS_client_method()));
  const auto memory = [](const std::string& text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  };
  const BioPtr ca = memory(files.ca), cert = memory(files.cert), key = memory(files.key);
  while (const CertificatePtr authority{PEM_read_bio_X509(ca.get(), nullptr, nullptr, nullptr)})
    X509_STORE_add_cert(SSL_CTX_get_cert_store(tls.get()), authority.get());
  const CertificatePtr own(PEM_read_bio_X509(cert.get(), nullptr, nullptr, nullptr));
  SSL_CTX_use_certificate(tls.get(), own.get());
  while (X509* next = PEM_read_bio_X509(cert.get(), nullptr, nullptr, nullptr))
    SSL_CTX_add0_chain_cert(tls.get(), next);
  const KeyPtr own_key(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
  SSL_CTX_use_PrivateKey(tls.get(), own_key.get());
  SSL_CTX_set_verify(tls.get(), SSL_VERIFY_PEER, nullptr);
  const unsigned char http2[] = {2, 'h', '2'};
  SSL_CTX_set_alpn_protos(tls.get(), http2, sizeof http2);
  ERR_clear_error();
  return tls;
}

void ExpectHost(SSL* session, const std::string& host) {
  unsigned char address[16];
  if (::inet_pton(AF_INET, host.c_str(), address) == 1 || ::inet_pton(AF_INET6, host.c_str(), address) == 1) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str());
  } else {
    SSL_set_tlsext_host_name(session, host.c_str());
    SSL_set1_host(session, host.c_str());
  }
}

// What the gateway's alert means.
absl::Status Explain(const RemoteContext& context, unsigned long error) {
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
    switch (ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET) {
      case SSL_AD_CERTIFICATE_EXPIRED:
        return Refused(context, "it has expired by the gateway's clock, or a revocation list there has");
      case SSL_AD_CERTIFICATE_REVOKED:
        return Refused(context, "it was revoked");
      case SSL_AD_UNKNOWN_CA:
      case SSL_AD_DECRYPT_ERROR:
        return Refused(context, "it is of no authority that the gateway trusts");
      case SSL_AD_UNSUPPORTED_CERTIFICATE:
        return Refused(context, "it is not for clients");
      case SSL_AD_BAD_CERTIFICATE:
      case SSL_AD_CERTIFICATE_UNKNOWN:
        return Refused(context, "it is not valid, or not yet by the gateway's clock");
      default:
        break;
    }
  }
  const char* reason = ERR_reason_error_string(error);
  return absl::UnavailableError(
      absl::StrCat("speak TLS with ", Named(context), ": ", reason != nullptr ? reason : "it hung up"));
}

}  // namespace

absl::Status ProbeTls(const RemoteContext& context, const HostAndPort& at, const ClientFiles& files,
                      std::chrono::milliseconds timeout) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd socket, Connect(context, at, timeout));
  const SslContextPtr tls = Prepare(files);
  const SslPtr session(SSL_new(tls.get()));
  SSL_set_fd(session.get(), socket.get());
  ExpectHost(session.get(), at.host);
  if (SSL_connect(session.get()) != 1) {
    const long verified = SSL_get_verify_result(session.get());
    if (verified != X509_V_OK) return Distrusted(context, X509_verify_cert_error_string(verified));
    return Explain(context, ERR_peek_last_error());
  }
  // A client has finished before the gateway looks at its certificate.
  char first = 0;
  SSL_write(session.get(), kPreface, sizeof kPreface - 1);
  if (SSL_peek(session.get(), &first, 1) == 1) return absl::OkStatus();
  return Explain(context, ERR_peek_last_error());
}

}  // namespace banger::cli
