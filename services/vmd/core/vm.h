// What a VM is to vmd.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "services/vmd/core/network_policy.h"

namespace banger::vmd {

using Time = std::chrono::system_clock::time_point;

// The numbers are stored: never change them.
enum class VmState {
  kCreated = 1,
  kStarting = 2,
  kRunning = 3,
  kStopping = 4,
  kStopped = 5,
  kError = 6,
  kPaused = 7,
};

// The numbers are stored.
enum class NetworkMode { kNone = 0, kBridge = 1, kUser = 2 };

struct VmSizes {
  int vcpu = 0;
  std::int64_t memory_mib = 0;
  std::int64_t disk_size_bytes = 0;    // of the work disk
  std::int64_t rootfs_size_bytes = 0;  // of what is written over the image

  bool operator==(const VmSizes&) const = default;
};

// Who said how large. The numbers are stored.
enum class SizeSource { kUnknown = 0, kRequest = 1, kUserConfig = 2, kSystemConfig = 3, kBuiltIn = 4 };

struct SizeOrigin {
  SizeSource source = SizeSource::kUnknown;
  std::string detail;  // for people; may be empty

  bool operator==(const SizeOrigin&) const = default;
};

// Of each of VmSizes.
struct SizeOrigins {
  SizeOrigin vcpu;
  SizeOrigin memory_mib;
  SizeOrigin disk_size_bytes;
  SizeOrigin rootfs_size_bytes;

  bool operator==(const SizeOrigins&) const = default;
};

// What the image says about running commands in it.
struct ExecDefaults {
  std::vector<std::string> env;  // "KEY=value"
  std::string user;
  std::string working_dir;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;

  bool operator==(const ExecDefaults&) const = default;
};

// A row of the store.
struct Vm {
  std::string uid;
  std::string name;
  VmState state = VmState::kCreated;
  std::string state_detail;
  // Being created: undone when vmd finds it at its start.
  bool provisional = false;
  std::string image;  // id, without "images/"
  VmSizes sizes;
  SizeOrigins size_origins;
  ExecDefaults exec;
  NetworkMode network_mode = NetworkMode::kNone;
  std::string address;
  std::string ipv6_address;  // empty without IPv6
  std::string mac;
  NetworkPolicy policy;
  std::string workspace;  // where commands run that say nothing else, as root; may be empty
  Time create_time;
  Time start_time;  // epoch: never started
  Time touch_time;  // as last stored; epoch: not since it is stored
  std::chrono::milliseconds boot_duration{0};

  bool operator==(const Vm&) const = default;
};

// A row and what is true of it only now.
struct VmView {
  Vm vm;
  std::string vmm;  // "qemu-tcg"; empty when not running
  pid_t pid = 0;
  std::int64_t disk_used_bytes = 0;
  std::vector<std::string> allowed_vms;  // names of policy.peers that are there
  struct Port {
    PublishedPort port;
    std::string problem;  // why nobody listens although the VM runs
  };
  std::vector<Port> ports;
};

// How far a long operation has come; for people.
struct Progress {
  std::string stage;
  std::string detail;
  bool warning = false;
};

}  // namespace banger::vmd
