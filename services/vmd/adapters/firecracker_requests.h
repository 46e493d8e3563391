// How a Machine reads as requests of Firecracker's API. Pure: no process, no file.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "services/vmd/adapters/kvm_probe.h"
#include "services/vmd/adapters/vmm_driver.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

struct FirecrackerRequest {
  std::string method;  // "PUT"
  std::string path;    // "/drives/agent"
  nlohmann::json body;
};

// More virtual CPUs it does not give a machine.
inline constexpr int kMaxFirecrackerVcpus = 32;

// The name of `--vmm` and the record.
inline constexpr char kFirecracker[] = "firecracker";

// Below VmmPaths::sockets.
inline constexpr char kApiSocket[] = "api";
inline constexpr char kVsockSocket[] = "vsock";

// The command line. The guest's console is on stdout.
std::vector<std::string> FirecrackerArgv(const std::filesystem::path& program, const std::string& uid,
                                         const VmmPaths& paths);

// Firecracker runs in VmmPaths::sockets and finds its disks there, under their ids, as it
// finds its vsock: so what a frozen machine says of them is true of any VM.
std::vector<std::pair<std::string, std::filesystem::path>> DriveLinks(const Machine& machine);

// All that makes the machine, in order; `tap` is its interface on the host. One that was
// frozen is loaded. The guest does not run yet.
std::vector<FirecrackerRequest> MachineRequests(const Machine& machine, const std::string& tap);

FirecrackerRequest ActionRequest(const std::string& action);
// Of the paused machine, to files in `directory`.
FirecrackerRequest SnapshotRequest(const std::filesystem::path& directory);
// "Paused" or "Resumed".
FirecrackerRequest StateRequest(const std::string& state);

// Boots the kernel with nothing to mount.
KvmTrial FirecrackerKvmTrial(const std::filesystem::path& program, const std::filesystem::path& vmlinux);

}  // namespace banger::vmd
