// What a snapshot is to vmd.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "services/vmd/core/vm.h"

namespace banger::vmd {

// What can go on from a guest's memory: only the same VMM on the same kind of host.
struct VmmIdentity {
  std::string vmm;       // as VmmProcess has it
  std::string version;   // "7.2.22"
  std::string host_cpu;  // the model's name

  bool operator==(const VmmIdentity&) const = default;
};

// A guest that was frozen while it ran.
struct FrozenMachine {
  VmmIdentity vmm;
  NetworkMode network_mode = NetworkMode::kNone;
  std::string mac;

  bool operator==(const FrozenMachine&) const = default;
};

struct KernelIdentity {
  std::string release;  // "6.1.0-56-cloud-amd64"; empty when the file does not say
  std::string digest;   // SHA-256 of the file

  bool operator==(const KernelIdentity&) const = default;
};

struct Snapshot {
  std::string vm;  // its name
  std::string name;
  Time create_time;
  std::string image;
  VmSizes sizes;
  std::string workspace;  // as Vm has it
  KernelIdentity kernel;
  // Of a VM that ran; none: there are only disks.
  std::optional<FrozenMachine> machine;
  std::int64_t used_bytes = 0;  // on the host

  bool operator==(const Snapshot&) const = default;
};

}  // namespace banger::vmd
