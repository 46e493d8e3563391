#include "services/gateway/adapters/tls_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/gateway/adapters/listen_address.h"

namespace banger::gateway {
namespace {

// So that one connection does not keep the others waiting.
constexpr int kRounds = 16;
constexpr std::size_t kMaxLingered = 256 << 10;

// An empty SETTINGS frame, which opens a server's side, and GOAWAY with
// ENHANCE_YOUR_CALM (RFC 9113, 6.8).
std::string Goodbye(const std::string& why) {
  const std::size_t length = 8 + why.size();
  std::string frames("\0\0\0\x4\0\0\0\0\0", 9);
  frames += {static_cast<char>(length >> 16), static_cast<char>(length >> 8), static_cast<char>(length)};
  frames += std::string("\x7\0\0\0\0\0\0\0\0\0\0\0\0\xb", 14);
  return frames + why;
}

bool IsWait(int ssl_error) { return ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE; }

std::string HandshakeFault(SSL* session) {
  const long verified = SSL_get_verify_result(session);
  if (verified != X509_V_OK) {
    ERR_clear_error();
    return absl::StrCat("its certificate: ", X509_verify_cert_error_string(verified));
  }
  // It left, or spoke no TLS at all; OpenSSL has a reason for the latter only.
  return ERR_peek_last_error() == 0 ? "it left during the handshake" : OpenSslReason();
}

}  // namespace

TlsConnection::TlsConnection(UniqueFd tcp, SslPtr session, std::string address, Time now)
    : tcp_(std::move(tcp)),
      session_(std::move(session)),
      address_(std::move(address)),
      network_(NetworkOf(address_)),
      since_(now) {
  SSL_set_fd(session_.get(), tcp_.get());
  SSL_set_msg_callback(session_.get(), NoteMessage);
  SSL_set_msg_callback_arg(session_.get(), this);
}

void TlsConnection::NoteMessage(int sent, int, int type, const void* data, std::size_t size, SSL*,
                                void* self) {
  if (sent == 0 && type == SSL3_RT_HANDSHAKE && size > 0 &&
      *static_cast<const unsigned char*>(data) == SSL3_MT_KEY_UPDATE)
    static_cast<TlsConnection*>(self)->key_update_came_ = true;
}

TlsConnection::State TlsConnection::Pump(Time now) {
  more_ = false;
  if (state_ == State::kHandshake) Handshake(now);
  if (state_ == State::kServing) Exchange(now);
  if (state_ == State::kLingering) Linger(now);
  return state_;
}

void TlsConnection::Become(State state, Time now) {
  state_ = state;
  since_ = now;
  if (state != State::kLingering) return;
  inner_.Reset();
  ::shutdown(tcp_.get(), SHUT_WR);
}

void TlsConnection::Fault(const std::string& why, Time now) {
  fault_ = why;
  Become(State::kLingering, now);
}

void TlsConnection::Handshake(Time now) {
  ERR_clear_error();
  const int result = SSL_accept(session_.get());
  if (result == 1) return Become(State::kEstablished, now);
  if (!IsWait(SSL_get_error(session_.get(), result))) Fault(HandshakeFault(session_.get()), now);
}

void TlsConnection::Serve(const ClientIdentity& client, UniqueFd inner) {
  client_ = client.name;
  inner_ = std::move(inner);
  state_ = State::kServing;
}

void TlsConnection::Refuse(const std::string& why) {
  fault_ = why;
  down_.Set(Goodbye(why));
  inner_ended_ = true;
  state_ = State::kServing;
}

void TlsConnection::End(const std::string& why) {
  fault_ = why;
  inner_.Reset();
  state_ = State::kEnded;
}

bool TlsConnection::ReadClient(Time now) {
  if (!up_.empty() || !inner_.valid()) return false;
  ERR_clear_error();
  const int n = SSL_read(session_.get(), up_.Space(), Buffer::kBytes);
  const bool updated = std::exchange(key_update_came_, false);
  if (updated && !key_updates_.Take(now)) {
    Fault("too many TLS key updates", now);
    return true;
  }
  if (n > 0) {
    up_.Filled(static_cast<std::size_t>(n));
    if (const auto fault = guard_.FromClient(up_.bytes(), now)) Fault(*fault, now);
    return true;
  }
  if (!IsWait(SSL_get_error(session_.get(), n))) Become(State::kEnded, now);
  // There may be more behind it, of which epoll does not tell again.
  return updated;
}

bool TlsConnection::WriteInner() {
  if (up_.empty() || !inner_.valid()) return false;
  const ssize_t n = ::send(inner_.get(), up_.bytes().data(), up_.bytes().size(), MSG_NOSIGNAL);
  if (n < 0) {
    // What gRPC does not want any more is dropped; what it has sent goes out.
    if (errno != EAGAIN && errno != EINTR) up_.Filled(0);
    return false;
  }
  up_.Taken(static_cast<std::size_t>(n));
  return n > 0;
}

bool TlsConnection::ReadInner(Time now) {
  if (!down_.empty() || inner_ended_) return false;
  const ssize_t n = ::recv(inner_.get(), down_.Space(), Buffer::kBytes, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  inner_ended_ = n <= 0;
  if (n <= 0) return true;
  down_.Filled(static_cast<std::size_t>(n));
  since_ = now;
  if (const auto fault = guard_.FromServer(down_.bytes(), now)) Fault(*fault, now);
  return true;
}

bool TlsConnection::WriteClient(Time now) {
  if (down_.empty()) return false;
  ERR_clear_error();
  const int n = SSL_write(session_.get(), down_.bytes().data(), static_cast<int>(down_.bytes().size()));
  if (n > 0) {
    down_.Taken(static_cast<std::size_t>(n));
    since_ = now;
    return true;
  }
  if (!IsWait(SSL_get_error(session_.get(), n))) Become(State::kEnded, now);
  return false;
}

void TlsConnection::Exchange(Time now) {
  for (int round = 0; round < kRounds; ++round) {
    bool moved = ReadClient(now);
    if (state_ == State::kServing) moved |= WriteInner();
    if (state_ == State::kServing) moved |= ReadInner(now);
    if (state_ == State::kServing) moved |= WriteClient(now);
    if (state_ != State::kServing) return;
    if (inner_ended_ && down_.empty()) {
      SSL_shutdown(session_.get());
      return Become(State::kLingering, now);
    }
    if (!moved) return;
  }
  more_ = true;
}

void TlsConnection::Linger(Time now) {
  char away[4096];
  for (;;) {
    const ssize_t n = ::recv(tcp_.get(), away, sizeof away, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || (lingered_ += static_cast<std::size_t>(n)) > kMaxLingered)
      return Become(State::kEnded, now);
  }
}

}  // namespace banger::gateway
