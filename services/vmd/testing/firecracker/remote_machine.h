// The double's line to fake-kvm.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/vmd/adapters/qmp_client.h"

namespace banger::vmd {

// What fake-kvm looks for in the directory of the API's socket. One line of JSON
// follows the descriptors of console and QMP; the answer is one line, empty when the
// machine runs. From then on descriptors come: connections to the guest's agent.
inline constexpr char kKvmSocket[] = "kvm";

class RemoteMachine {
 public:
  static absl::StatusOr<std::unique_ptr<RemoteMachine>> Listen(const std::filesystem::path& directory);

  // Makes the host's end of the vsock, as Firecracker does at once: who comes before the
  // guest is ready waits.
  absl::Status OpenVsock(const std::filesystem::path& socket);

  // Our stdout becomes the console. `on_reset`: the guest has reset itself; from a
  // thread of QMP's. With "frozen" among the parts it waits for Load.
  absl::Status Start(const nlohmann::json& parts, std::function<void()> on_reset);
  absl::Status PressCtrlAltDel();
  absl::Status SetRunning(bool runs);
  // Of a machine that stands still; memory and devices.
  absl::Status Save(int file);
  absl::Status Load(int file);

  // Readable when the machine has ended; -1 before it has started.
  int connection() const { return connection_.get(); }

 private:
  RemoteMachine(std::filesystem::path socket, UniqueFd listener)
      : socket_(std::move(socket)), listener_(std::move(listener)) {}

  std::filesystem::path socket_;
  UniqueFd listener_;
  UniqueFd vsock_;  // until there is a machine
  UniqueFd connection_;
  std::unique_ptr<QmpClient> qmp_;
};

// A line of at most 1 MiB, without its end; waits for it.
absl::StatusOr<std::string> ReadLine(int socket);

}  // namespace banger::vmd
