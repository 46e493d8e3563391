// From a VM's disks to a guest whose agent answers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sync/mutex.h"
#include "services/vmd/core/boot_slots.h"
#include "services/vmd/core/host_resources.h"

namespace banger::vmd {

// Thread-safe; the caller holds the VM's lock.
class Booter {
 public:
  // Generous: a host that emulates many systemd guests at once is slow, and a
  // guest that ends is noticed at once.
  static constexpr std::chrono::minutes kReadyTimeout{3};

  // At most `at_once` guests boot at a time.
  Booter(const Ports& ports, HostResources& resources, int at_once)
      : ports_(ports), resources_(resources), slots_(at_once) {}

  // Boots and stores the VM as RUNNING. On failure nothing is left running. A
  // guest that ran but never became ready is VM_NOT_READY. With `frozen` the guest of
  // the VM's stage goes on instead; the stage is committed once it answers.
  absl::Status Boot(Vm& vm, const ProgressFn& progress, const std::stop_token& stop,
                    const FrozenMachine* frozen = nullptr);

  // Listens on the VM's published ports, as many as it can.
  absl::Status OpenPorts(const std::string& uid);

  // To be called when a VMM has ended. True when it was one that Boot waits
  // for, which then deals with it.
  bool NoteExit(const std::string& uid, const VmmExit& exit);

 private:
  // A boot under way.
  struct Watch {
    std::stop_source ended;
    std::optional<VmmExit> exit;
  };
  struct Started {
    ImageFiles image;
    Endpoint endpoint;
  };

  absl::StatusOr<Started> Launch(Vm& vm, const FrozenMachine* frozen, const ProgressFn& progress,
                                 const std::stop_token& stop);
  absl::StatusOr<Machine> MachineOf(const Vm& vm, const ImageFiles& image, const FrozenMachine* frozen);
  absl::Status AwaitReady(const Vm& vm, const Started& started, const FrozenMachine* frozen,
                          const ProgressFn& progress, const std::stop_token& stop);
  absl::Status Run(Vm& vm, const FrozenMachine* frozen, Watch& watch, const ProgressFn& progress,
                   const std::stop_token& stop);
  std::optional<VmmExit> ExitOf(const Watch& watch);
  std::optional<VmmExit> Unwatch(const std::string& uid, const Watch& watch);

  const Ports ports_;
  HostResources& resources_;
  BootSlots slots_;
  Mutex mutex_;
  std::map<std::string, Watch*> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::vmd
