#include "cli/doctor/kvm_vcpu.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {

#if defined(__x86_64__)
namespace {

constexpr std::size_t kPage = 4096;
constexpr int kPort = 0x10;
// mov $'!', %al; out %al, $0x10; hlt
constexpr unsigned char kProgram[] = {0xb0, '!', 0xe6, kPort, 0xf4};

class Mapping {
 public:
  Mapping(std::size_t size, int flags, int fd)
      : size_(size), address_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0)) {}
  ~Mapping() {
    if (valid()) ::munmap(address_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  bool valid() const { return address_ != MAP_FAILED; }
  void* get() const { return address_; }

 private:
  const std::size_t size_;
  void* const address_;
};

absl::StatusOr<UniqueFd> Make(int fd, unsigned long request, const char* what) {
  UniqueFd made(::ioctl(fd, request, 0));
  if (!made.valid()) return ErrnoError(errno, what);
  return made;
}

absl::Status StartAtZero(int vcpu) {
  kvm_sregs segments{};
  if (::ioctl(vcpu, KVM_GET_SREGS, &segments) < 0) return ErrnoError(errno, "read a vCPU's segments");
  segments.cs.base = 0;
  segments.cs.selector = 0;
  kvm_regs registers{};
  registers.rflags = 2;
  if (::ioctl(vcpu, KVM_SET_SREGS, &segments) < 0 || ::ioctl(vcpu, KVM_SET_REGS, &registers) < 0)
    return ErrnoError(errno, "set a vCPU's registers");
  return absl::OkStatus();
}

absl::Status Run(int vcpu, const kvm_run& state) {
  bool written = false;
  for (;;) {
    if (::ioctl(vcpu, KVM_RUN, 0) < 0) return ErrnoError(errno, "run a vCPU");
    switch (state.exit_reason) {
      case KVM_EXIT_IO:
        written =
            state.io.port == kPort && *(reinterpret_cast<const char*>(&state) + state.io.data_offset) == '!';
        break;
      case KVM_EXIT_HLT:
        if (written) return absl::OkStatus();
        return absl::FailedPreconditionError("a vCPU halted without having run its program");
      default:
        return absl::FailedPreconditionError(
            absl::StrCat("a vCPU ended with KVM's exit reason ", state.exit_reason));
    }
  }
}

}  // namespace

absl::Status RunVcpu() {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd kvm, OpenFile("/dev/kvm", O_RDWR));
  if (const int version = ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0); version != KVM_API_VERSION)
    return absl::FailedPreconditionError(absl::StrCat("/dev/kvm has version ", version, " of its API"));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd vm, Make(kvm.get(), KVM_CREATE_VM, "make a virtual machine"));
  const Mapping memory(kPage, MAP_SHARED | MAP_ANONYMOUS, -1);
  if (!memory.valid()) return ErrnoError(errno, "map a page");
  std::memcpy(memory.get(), kProgram, sizeof(kProgram));
  kvm_userspace_memory_region region{};
  region.memory_size = kPage;
  region.userspace_addr = reinterpret_cast<std::uintptr_t>(memory.get());
  if (::ioctl(vm.get(), KVM_SET_USER_MEMORY_REGION, &region) < 0)
    return ErrnoError(errno, "give a virtual machine memory");
  BANGER_ASSIGN_OR_RETURN(const UniqueFd vcpu, Make(vm.get(), KVM_CREATE_VCPU, "make a vCPU"));
  const int size = ::ioctl(kvm.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < static_cast<int>(sizeof(kvm_run)))
    return ErrnoError(errno, "ask for the size of a vCPU's state");
  const Mapping state(static_cast<std::size_t>(size), MAP_SHARED, vcpu.get());
  if (!state.valid()) return ErrnoError(errno, "map a vCPU's state");
  BANGER_RETURN_IF_ERROR(StartAtZero(vcpu.get()));
  return Run(vcpu.get(), *static_cast<const kvm_run*>(state.get()));
}
#else
absl::Status RunVcpu() { return OpenFile("/dev/kvm", O_RDWR).status(); }
#endif

}  // namespace banger::cli
