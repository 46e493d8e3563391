// The machine that Firecracker's API describes, run by QEMU's emulation.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/os/unique_fd.h"

namespace banger::vmd {

// A process that ends with the object, and with us. For the main thread.
class EmulatedMachine {
 public:
  EmulatedMachine() = default;
  EmulatedMachine(const EmulatedMachine&) = delete;
  EmulatedMachine& operator=(const EmulatedMachine&) = delete;
  ~EmulatedMachine();

  // `parts`: what was put to the API, by the first part of the path; "drives" and
  // "network-interfaces" are lists, the root device first; "frozen" when it waits for the
  // state of a machine. QEMU takes over `console`, `qmp`, a connected socket, and `port`, a
  // listening one that leads to the guest's agent.
  absl::Status Start(const nlohmann::json& parts, std::int64_t tsc_khz, UniqueFd console, UniqueFd qmp,
                     UniqueFd port);

  // Readable when QEMU has ended.
  int process() const { return qemu_.get(); }

 private:
  UniqueFd qemu_;
};

}  // namespace banger::vmd
