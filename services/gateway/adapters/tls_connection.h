#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/os/unique_fd.h"
#include "common/tls/openssl.h"
#include "services/gateway/adapters/client_identity.h"
#include "services/gateway/core/http2_guard.h"
#include "services/gateway/core/token_bucket.h"

namespace banger::gateway {

// One TCP connection: its handshake, then the bytes between it and gRPC, which has the
// other end of a socket pair and sees them in plain. At most 32 KiB of each direction
// are in memory, so each end slows the other down. Never blocks; for one thread. To be
// pumped whenever either descriptor may go on (edge-triggered), and at once after kMore.
class TlsConnection {
 public:
  using Time = std::chrono::steady_clock::time_point;

  enum class State {
    kHandshake,
    // The client has proved who it is: call Serve or Refuse.
    kEstablished,
    kServing,
    // Nothing more is sent; what the client had sent is read away, so that the last
    // bytes, as the alert that says what is wrong, are not lost in a reset.
    kLingering,
    kEnded,
  };

  // `tcp` is connected and non-blocking; `address` is the client's.
  TlsConnection(UniqueFd tcp, SslPtr session, std::string address, Time now);
  TlsConnection(const TlsConnection&) = delete;  // the session points here
  TlsConnection& operator=(const TlsConnection&) = delete;

  State Pump(Time now);
  // More can be done without waiting.
  bool more() const { return more_; }

  // `inner` is non-blocking.
  void Serve(const ClientIdentity& client, UniqueFd inner);
  // Says goodbye in HTTP/2: "too many connections".
  void Refuse(const std::string& why);
  // For one that waits too long for its client: see the listener.
  void End(const std::string& why);

  State state() const { return state_; }
  // Since when it has been in its state; of one that serves, since when its client
  // takes nothing of what is ready for it.
  Time since() const { return since_; }
  bool client_is_behind() const { return !down_.empty(); }
  const std::string& address() const { return address_; }
  // See NetworkOf.
  const std::string& network() const { return network_; }
  // Empty until it is served.
  const std::string& client() const { return client_; }
  // Why it ended, when that was not the client's own will. Also of a handshake.
  const std::string& fault() const { return fault_; }
  SSL* session() const { return session_.get(); }
  int tcp() const { return tcp_.get(); }

 private:
  // Bytes on their way in one direction.
  class Buffer {
   public:
    bool empty() const { return begin_ == end_; }
    absl::string_view bytes() const { return {data_.data() + begin_, end_ - begin_}; }
    char* Space() {
      data_.resize(kBytes);
      return data_.data();
    }
    static constexpr std::size_t kBytes = 32 << 10;
    void Filled(std::size_t n) { begin_ = 0, end_ = n; }
    void Taken(std::size_t n) { begin_ += n; }
    void Set(absl::string_view bytes) {
      data_.assign(bytes.begin(), bytes.end());
      Filled(bytes.size());
    }

   private:
    std::vector<char> data_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
  };

  static void NoteMessage(int sent, int version, int type, const void* data, std::size_t size, SSL* session,
                          void* self);

  void Become(State state, Time now);
  void Handshake(Time now);
  // Each of them: whether anything moved.
  bool ReadClient(Time now);
  bool WriteInner();
  bool ReadInner(Time now);
  bool WriteClient(Time now);
  void Exchange(Time now);
  void Linger(Time now);
  void Fault(const std::string& why, Time now);

  UniqueFd tcp_;
  UniqueFd inner_;
  SslPtr session_;
  const std::string address_;
  const std::string network_;
  std::string client_;
  std::string fault_;
  State state_ = State::kHandshake;
  Time since_;
  bool more_ = false;
  bool inner_ended_ = false;
  std::size_t lingered_ = 0;
  bool key_update_came_ = false;
  TokenBucket key_updates_{20, 2};
  Http2Guard guard_;
  Buffer up_;
  Buffer down_;
};

}  // namespace banger::gateway
