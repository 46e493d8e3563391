#include "tests/e2e/step_gate.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::e2e {
namespace {

void Store(int& field, int value) { __atomic_store_n(&field, value, __ATOMIC_SEQ_CST); }

}  // namespace

absl::StatusOr<StepGate> StepGate::Create(std::filesystem::path file) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(file, O_RDWR | O_CREAT, 0666));
  if (::fchmod(fd.get(), 0666) < 0 || ::ftruncate(fd.get(), sizeof(step_gate)) < 0)
    return ErrnoError(errno, absl::StrCat("make '", file.string(), "'"));
  void* mapped = ::mmap(nullptr, sizeof(step_gate), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (mapped == MAP_FAILED) return ErrnoError(errno, absl::StrCat("map '", file.string(), "'"));
  return StepGate(std::move(file), static_cast<step_gate*>(mapped));
}

StepGate::StepGate(StepGate&& other) noexcept
    : file_(std::move(other.file_)), gate_(std::exchange(other.gate_, nullptr)) {}

StepGate::~StepGate() {
  if (gate_ == nullptr) return;
  Release();
  ::munmap(gate_, sizeof(step_gate));
}

std::vector<std::string> StepGate::Environment(const std::string& program) const {
  return {absl::StrCat("LD_PRELOAD=", BANGER_STEP_GATE_LIBRARY),
          absl::StrCat("BANGER_STEP_GATE=", file_.string()), absl::StrCat("BANGER_STEP_PROGRAM=", program)};
}

void StepGate::Arm(int step, AtStep what) {
  Store(gate_->count, 0);
  Store(gate_->reached, 0);
  Store(gate_->at, step);
  Store(gate_->action, static_cast<int>(what));
  Store(gate_->armed, 1);
}

bool StepGate::reached() const { return __atomic_load_n(&gate_->reached, __ATOMIC_SEQ_CST) != 0; }

void StepGate::Release() { Store(gate_->armed, 0); }

}  // namespace banger::e2e
