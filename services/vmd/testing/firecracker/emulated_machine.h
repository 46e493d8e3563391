// The machine that Firecracker's API describes, run by QEMU's emulation.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/os/unique_fd.h"

namespace banger::vmd {

// Two processes that end with the object, and with us. For the main thread.
class EmulatedMachine {
 public:
  EmulatedMachine() = default;
  EmulatedMachine(const EmulatedMachine&) = delete;
  EmulatedMachine& operator=(const EmulatedMachine&) = delete;
  ~EmulatedMachine();

  // `parts`: what was put to the API, by the first part of the path; "drives" and
  // "network-interfaces" are lists, the root device first. QEMU takes over `console`
  // and `qmp`, a connected socket. `vsock_daemon` is the program vhost-device-vsock.
  absl::Status Start(const nlohmann::json& parts, const std::filesystem::path& vsock_daemon,
                     std::int64_t tsc_khz, UniqueFd console, UniqueFd qmp);

  // Readable when QEMU has ended.
  int process() const { return qemu_.get(); }

 private:
  absl::Status OpenVsock(const nlohmann::json& vsock, const std::filesystem::path& vsock_daemon);

  UniqueFd vsock_;
  UniqueFd qemu_;
};

}  // namespace banger::vmd
