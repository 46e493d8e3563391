// A TLS client that does what no library would.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/os/unique_fd.h"
#include "common/tls/openssl.h"
#include "services/gateway/testing/certificates.h"

namespace banger::gateway {

// Connected to a port of 127.0.0.1, from an address of 127.0.0.0/8; invalid when that
// fails.
UniqueFd ConnectLoopback(std::uint16_t port, const std::string& from = "127.0.0.1");

// Blocking, with 20 seconds for each step.
class RawTls {
 public:
  struct Options {
    KeyedCertificate certificate;  // empty: none
    int max_version = TLS1_3_VERSION;
    bool http2 = true;
    std::string from = "127.0.0.1";
    // Called in the midst of the handshake, when the server wants our certificate.
    std::function<void()> when_asked = nullptr;
  };

  RawTls(std::uint16_t port, const Options& options);

  // Empty when the server has taken us: it has answered with its first bytes. Else
  // OpenSSL's reason, as "sslv3 alert certificate expired". Sends HTTP/2's preface.
  std::string Handshake();

  bool Write(absl::string_view bytes);
  // New keys of our own, and what follows, in one piece.
  bool UpdateKey(absl::string_view then = "");
  // Some bytes; empty at the end.
  std::string Read();
  // Reads until the text has come; false when the end comes first.
  bool AwaitText(const std::string& text);
  // All of them until the end.
  std::string ReadToTheEnd();
  // Reads away what comes: whether the other side ends the connection.
  bool IsEnded();

  std::string ServerName() const;
  bool is_tls13() const { return SSL_version(session_.get()) == TLS1_3_VERSION; }

 private:
  std::function<void()> when_asked_;
  UniqueFd socket_;
  SslContextPtr context_;
  SslPtr session_;
};

// One HTTP/2 frame.
std::string Http2Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                       absl::string_view payload);
// The client's preface and its empty SETTINGS.
std::string Http2Preface();
// HPACK for a call of `path`, literally.
std::string Http2Call(absl::string_view path);

}  // namespace banger::gateway
