// The gateway's TCP side. gRPC 1.51 can neither ask for TLS 1.3, nor count connections
// of a client, nor reload a revocation list, nor read certificate and key as a pair; so
// TLS ends here, and gRPC gets each client's bytes on a socket pair: see docs/adr.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/gateway/adapters/client_identity.h"
#include "services/gateway/adapters/tls_connection.h"
#include "services/gateway/adapters/tls_credentials.h"
#include "services/gateway/core/token_bucket.h"

namespace banger::gateway {

struct TlsLimits {
  // Half of them are for those who are served.
  std::size_t connections = 256;
  std::size_t connections_per_client = 64;
  // From one address or IPv6 network, of whoever has not proved who it is, or was
  // refused: handshakes, and what lingers after them.
  std::size_t strangers_per_network = 32;
  std::chrono::milliseconds handshake{10000};
  // How long the end of a connection waits for the client to have read it.
  std::chrono::milliseconds linger{2000};
  // How long a client may take nothing of what is ready for it.
  std::chrono::milliseconds stall{60000};
  // How often the files are looked at.
  std::chrono::milliseconds reload{1000};
  // How often certificates that were good are looked at, as they expire.
  std::chrono::milliseconds recheck{30000};
};

// One thread with an epoll serves all connections; it never blocks. Thread-safe.
class TlsListener {
 public:
  struct Options {
    // "0.0.0.0:7443", "[::1]:7443"; port 0 chooses one.
    std::string listen;
    TlsFiles files;
    TlsLimits limits;
    // Takes the plain side of a client's connection. Called on the listener's thread.
    std::function<void(const ClientIdentity&, UniqueFd)> serve;
  };

  // Listens when this returns. Errors name the address or the file.
  static absl::StatusOr<std::unique_ptr<TlsListener>> Start(Options options);

  // Gives what is on its way to clients up to a second to get there.
  ~TlsListener();

  // Takes no more connections; those that are there go on. Returns when `serve` will not
  // be called any more. Idempotent.
  void StopAccepting();

  std::uint16_t port() const { return port_; }
  // That are there now, in any state.
  std::size_t connections() const { return count_; }

 private:
  using Time = TlsConnection::Time;

  TlsListener(Options options, UniqueFd listener, UniqueFd epoll, UniqueFd wake,
              std::shared_ptr<const TlsCredentials> credentials, std::string files_seen);

  void Run();
  void Accept(Time now);
  void Pump(std::uint64_t id, Time now);
  bool PumpThoseWithMore(Time now);
  void Welcome(TlsConnection& connection, std::uint64_t id);
  void EndOverdue(Time now);
  void Reload();
  void EndRevoked();
  void Erase(std::uint64_t id);
  bool HasRoomFor(const std::string& network) const;
  std::size_t CountOf(const std::string& client) const;

  const Options options_;
  UniqueFd listener_;
  UniqueFd epoll_;
  UniqueFd wake_;
  std::uint16_t port_ = 0;
  std::atomic<bool> accepting_ = true;
  std::atomic<bool> ending_ = false;
  std::atomic<bool> deaf_ = false;  // the thread has seen that it accepts no more
  std::atomic<std::size_t> count_ = 0;

  // Of the thread.
  std::shared_ptr<const TlsCredentials> credentials_;
  std::string files_seen_;   // that credentials_ are of
  std::string files_fault_;  // of newer ones, as it was told last
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<TlsConnection>> connections_;
  TokenBucket complaints_{20, 2};  // lines about strangers
  std::thread thread_;
};

}  // namespace banger::gateway
