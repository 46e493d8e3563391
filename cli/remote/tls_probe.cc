#include "cli/remote/tls_probe.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/tls/openssl.h"

namespace banger::cli {
namespace {

using namespace std::chrono_literals;

// HTTP/2's preface with an empty SETTINGS frame: the gateway answers it.
constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x4\0\0\0\0\0";

absl::Status Refused(const RemoteContext& context, const std::string& why) {
  return ApiError(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REFUSED",
                  absl::StrCat(GatewayOf(context), " refuses the certificate '", context.cert, "': ", why),
                  {{"context", context.name}});
}

absl::Status Distrusted(const RemoteContext& context, const std::string& why) {
  return ApiError(absl::StatusCode::kUnauthenticated, "GATEWAY_NOT_TRUSTED",
                  absl::StrCat(GatewayOf(context), " has a certificate that '", context.ca,
                               "' does not vouch for: ", why),
                  {{"context", context.name}});
}

// Until when, in steps that are short enough to stop between them.
struct Patience {
  // False when it is over.
  bool Await(int fd, short events) const {
    while (!stop.stop_requested()) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left <= 0ms) return false;
      pollfd entry{.fd = fd, .events = events, .revents = 0};
      if (::poll(&entry, 1, static_cast<int>(std::min(left, 50ms).count())) > 0) return true;
    }
    return false;
  }

  std::chrono::steady_clock::time_point deadline;
  const std::stop_token& stop;
};

// The errno.
int ConnectTo(const addrinfo& address, const Patience& patience, UniqueFd& fd) {
  fd = UniqueFd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno;
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!patience.Await(fd.get(), POLLOUT)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// Each address has its share of what is left of the time. The first one's error counts,
// as it is the one that the resolver prefers.
absl::StatusOr<UniqueFd> Connect(const RemoteContext& context, const addrinfo& addresses,
                                 const Patience& patience) {
  int count = 0;
  for (const addrinfo* address = &addresses; address != nullptr; address = address->ai_next) ++count;
  int first_error = 0;
  for (const addrinfo* address = &addresses; address != nullptr && !patience.stop.stop_requested();
       address = address->ai_next, --count) {
    const auto now = std::chrono::steady_clock::now();
    UniqueFd fd;
    const int error =
        ConnectTo(*address, {.deadline = now + (patience.deadline - now) / count, .stop = patience.stop}, fd);
    if (error == 0) return fd;
    if (first_error == 0) first_error = error;
  }
  if (patience.stop.stop_requested()) return absl::CancelledError("stopped");
  return absl::UnavailableError(absl::StrCat("reach ", GatewayOf(context), ": ", std::strerror(first_error)));
}

enum class Outcome { kDone, kFailed, kNoAnswer };

// Repeats a step of OpenSSL's for as long as that waits for the gateway.
template <typename Step>
Outcome Do(SSL* session, const Patience& patience, Step step) {
  for (;;) {
    ERR_clear_error();
    const int result = step();
    if (result > 0) return Outcome::kDone;
    const int error = SSL_get_error(session, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return Outcome::kFailed;
    if (!patience.Await(SSL_get_fd(session), error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT))
      return Outcome::kNoAnswer;
  }
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
      absl::StrCat("speak TLS with ", GatewayOf(context), ": ", reason != nullptr ? reason : "it hung up"));
}

// The handshake, and the gateway's first bytes: a client is done with the handshake
// before the gateway looks at its certificate.
Outcome Speak(SSL* session, const Patience& patience) {
  const Outcome shaken = Do(session, patience, [session] { return SSL_connect(session); });
  if (shaken != Outcome::kDone) return shaken;
  // A failure is one to turn us away, and why is there to be read.
  if (Do(session, patience, [session] { return SSL_write(session, kPreface, sizeof kPreface - 1); }) ==
      Outcome::kNoAnswer)
    return Outcome::kNoAnswer;
  char first = 0;
  return Do(session, patience, [session, &first] { return SSL_peek(session, &first, 1); });
}

}  // namespace

std::string GatewayOf(const RemoteContext& context) {
  return absl::StrCat("the gateway at '", context.address, "' (context '", context.name, "')");
}

absl::Status ProbeTls(const RemoteContext& context, const HostAndPort& at, const addrinfo& addresses,
                      const ClientFiles& files, std::chrono::steady_clock::time_point deadline,
                      const std::stop_token& stop) {
  const Patience patience{.deadline = deadline, .stop = stop};
  BANGER_ASSIGN_OR_RETURN(const UniqueFd socket, Connect(context, addresses, patience));
  const SslContextPtr tls = Prepare(files);
  const SslPtr session(SSL_new(tls.get()));
  SSL_set_fd(session.get(), socket.get());
  ExpectHost(session.get(), at.host);
  const Outcome outcome = Speak(session.get(), patience);
  if (outcome == Outcome::kDone) return absl::OkStatus();
  const unsigned long error = ERR_peek_last_error();
  if (stop.stop_requested()) return absl::CancelledError("stopped");
  if (outcome == Outcome::kNoAnswer)
    return absl::UnavailableError(
        absl::StrCat("speak TLS with ", GatewayOf(context), ": it does not answer"));
  const long verified = SSL_get_verify_result(session.get());
  if (verified != X509_V_OK) return Distrusted(context, X509_verify_cert_error_string(verified));
  return Explain(context, error);
}

}  // namespace banger::cli
