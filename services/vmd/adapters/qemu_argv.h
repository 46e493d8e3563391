// How a Machine reads as a QEMU command line. Pure: no process, no file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "services/vmd/adapters/kvm_probe.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

enum class Accelerator { kKvm, kTcg };

// "qemu-kvm", "qemu-tcg".
std::string VmmName(Accelerator accelerator);

// The numbers that inherited descriptors have in QEMU.
inline constexpr int kQmpFd = 3;
inline constexpr int kAgentFd = 4;
inline constexpr int kTapFd = 5;  // only with NetworkMode::kBridge

// `tsc_khz`: the rate of the host's time stamp counter; without it an emulated
// guest has no clock and hangs.
std::string KernelCommandLine(const std::string& uid, Accelerator accelerator, std::int64_t tsc_khz);

// An argument vector; no shell ever sees it. The VMM starts paused.
std::vector<std::string> QemuArgv(const std::filesystem::path& qemu, const Machine& machine,
                                  Accelerator accelerator, std::int64_t tsc_khz);

KvmTrial QemuKvmTrial(const std::filesystem::path& qemu, const std::filesystem::path& vmlinux);

}  // namespace banger::vmd
