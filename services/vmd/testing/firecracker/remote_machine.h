// The double's line to fake-kvm.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/vmd/adapters/qmp_client.h"

namespace banger::vmd {

// What fake-kvm looks for in the directory of the API's socket. One line of JSON
// follows the descriptors of console and QMP; the answer is one line, empty when the
// machine runs.
inline constexpr char kKvmSocket[] = "kvm";

class RemoteMachine {
 public:
  static absl::StatusOr<std::unique_ptr<RemoteMachine>> Listen(const std::filesystem::path& directory);

  // Makes the host's end of the vsock, as Firecracker does at once. Who connects waits
  // until the guest has its driver, and then is told to come again: connections that
  // are earlier end vhost-device-vsock's worker.
  absl::Status OpenVsock(const std::filesystem::path& socket);

  // Our stdout becomes the console. `on_reset`: the guest has reset itself; from a
  // thread of QMP's.
  absl::Status Start(nlohmann::json parts, std::function<void()> on_reset);
  absl::Status PressCtrlAltDel();
  absl::Status SetRunning(bool runs);

  // Readable when the machine has ended; -1 before it has started.
  int connection() const { return connection_.get(); }

 private:
  RemoteMachine(std::filesystem::path socket, UniqueFd listener)
      : socket_(std::move(socket)), listener_(std::move(listener)) {}
  // Where vhost-device-vsock listens until then.
  std::filesystem::path LaterVsock() const { return vsock_.string() + ".later"; }
  bool GuestHasVsock();

  std::filesystem::path socket_;
  UniqueFd listener_;
  UniqueFd connection_;
  std::filesystem::path vsock_;
  UniqueFd early_vsock_;
  std::unique_ptr<QmpClient> qmp_;
  std::jthread opener_;  // the last: it uses the rest
};

// A line of at most 1 MiB, without its end; waits for it.
absl::StatusOr<std::string> ReadLine(int socket);

}  // namespace banger::vmd
