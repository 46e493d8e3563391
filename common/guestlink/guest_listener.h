// The guest's end of the link in machines that have vsock.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "common/guestlink/guest_port.h"
#include "common/guestlink/relay.h"
#include "common/os/unique_fd.h"

namespace banger::guestlink {

// A listening vsock socket at `port`.
absl::StatusOr<UniqueFd> ListenVsock(unsigned port);

// Serves each connection until it ends, the next one comes or it is destroyed: the
// host comes anew when it has lost the former. Connections that do not come from the
// host are closed.
class GuestListener {
 public:
  // `socket` listens; of vsock, or of anything in tests.
  static absl::StatusOr<std::unique_ptr<GuestListener>> Start(UniqueFd socket,
                                                              GuestPort::OnSession on_session);
  ~GuestListener();
  GuestListener(const GuestListener&) = delete;
  GuestListener& operator=(const GuestListener&) = delete;

 private:
  GuestListener(UniqueFd socket, Wakeup stop, GuestPort::OnSession on_session);
  void Serve();

  const UniqueFd socket_;
  const Wakeup stop_;
  const GuestPort::OnSession on_session_;
  std::thread thread_;
};

}  // namespace banger::guestlink
