#include "services/gateway/testing/raw_tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "absl/strings/str_cat.h"

namespace banger::gateway {

UniqueFd ConnectLoopback(std::uint16_t port, const std::string& from) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, from.c_str(), &address.sin_addr);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) return {};
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) fd.Reset();
  return fd;
}

RawTls::RawTls(std::uint16_t port, const Options& options)
    : when_asked_(options.when_asked),
      socket_(ConnectLoopback(port, options.from)),
      context_(SSL_CTX_new(TLS_client_method())) {
  const auto asked = [](SSL*, void* function) {
    (*static_cast<const std::function<void()>*>(function))();
    return 1;
  };
  if (when_asked_) SSL_CTX_set_cert_cb(context_.get(), asked, &when_asked_);
  SSL_CTX_set_max_proto_version(context_.get(), options.max_version);
  if (!options.certificate.certificate.empty()) {
    const BioPtr certificate(BIO_new_mem_buf(options.certificate.certificate.data(), -1));
    const BioPtr key(BIO_new_mem_buf(options.certificate.key.data(), -1));
    const CertificatePtr parsed(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
    const KeyPtr parsed_key(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
    SSL_CTX_use_certificate(context_.get(), parsed.get());
    SSL_CTX_use_PrivateKey(context_.get(), parsed_key.get());
  }
  const unsigned char h2[] = {2, 'h', '2'}, http[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  if (options.http2) {
    SSL_CTX_set_alpn_protos(context_.get(), h2, sizeof h2);
  } else {
    SSL_CTX_set_alpn_protos(context_.get(), http, sizeof http);
  }
  session_.reset(SSL_new(context_.get()));
  SSL_set_fd(session_.get(), socket_.get());
}

std::string RawTls::Handshake() {
  ERR_clear_error();
  if (SSL_connect(session_.get()) != 1) return OpenSslReason();
  Write(Http2Preface());
  char first = 0;
  if (SSL_peek(session_.get(), &first, 1) == 1) return "";
  return OpenSslReason();
}

bool RawTls::Write(absl::string_view bytes) {
  ERR_clear_error();
  return SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
}

bool RawTls::UpdateKey(absl::string_view then) {
  const auto cork = [this](int on) { ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_CORK, &on, sizeof on); };
  ERR_clear_error();
  cork(1);
  const bool sent = SSL_key_update(session_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
                    SSL_do_handshake(session_.get()) == 1 && (then.empty() || Write(then));
  cork(0);
  return sent;
}

std::string RawTls::Read() {
  char bytes[16384];
  ERR_clear_error();
  const int n = SSL_read(session_.get(), bytes, sizeof bytes);
  return n > 0 ? std::string(bytes, static_cast<std::size_t>(n)) : "";
}

bool RawTls::AwaitText(const std::string& text) {
  std::string all;
  while (all.find(text) == std::string::npos) {
    const std::string bytes = Read();
    if (bytes.empty()) return false;
    all += bytes;
  }
  return true;
}

std::string RawTls::ReadToTheEnd() {
  std::string all;
  for (std::string bytes = Read(); !bytes.empty(); bytes = Read()) all += bytes;
  return all;
}

bool RawTls::IsEnded() {
  char bytes[16384];
  int n = 1;
  while (n > 0) {
    ERR_clear_error();
    n = SSL_read(session_.get(), bytes, sizeof bytes);
  }
  return SSL_get_error(session_.get(), n) != SSL_ERROR_WANT_READ;
}

std::string RawTls::ServerName() const {
  char name[256] = {};
  const CertificatePtr certificate(SSL_get1_peer_certificate(session_.get()));
  if (certificate != nullptr)
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
  return name;
}

std::string Http2Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                       absl::string_view payload) {
  const auto byte = [](std::size_t value) { return static_cast<char>(value & 0xff); };
  std::string frame = {
      byte(payload.size() >> 16), byte(payload.size() >> 8), byte(payload.size()), byte(type),  byte(flags),
      byte(stream >> 24),         byte(stream >> 16),        byte(stream >> 8),    byte(stream)};
  return frame.append(payload.data(), payload.size());
}

std::string Http2Preface() {
  return absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Http2Frame(4, 0, 0, ""));
}

std::string Http2Call(absl::string_view path) {
  std::string block;
  const auto literal = [&block](absl::string_view name, absl::string_view value) {
    block += '\0';
    for (const absl::string_view text : {name, value}) {
      block += static_cast<char>(text.size());  // below 127
      block.append(text.data(), text.size());
    }
  };
  literal(":method", "POST");
  literal(":scheme", "https");
  literal(":path", path);
  literal(":authority", "localhost");
  literal("te", "trailers");
  literal("content-type", "application/grpc");
  return block;
}

}  // namespace banger::gateway
