// Stops a daemon at its N-th step: each call that changes what outlives it (files
// and directories; the store's and ledger's writes are among them) is one. Counted
// by a library that is loaded into the daemon (step_gate_preload.c), so that the
// daemon's own code knows nothing of it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/e2e/step_gate_layout.h"

namespace banger::e2e {

// What happens at the step.
enum class AtStep {
  kDie = STEP_GATE_DIE,    // SIGKILL, before the step
  kWait = STEP_GATE_WAIT,  // the step waits for Release
  kFull = STEP_GATE_FULL,  // from then on all that needs room fails with ENOSPC
};

class StepGate {
 public:
  // `file` is made; any uid may open it.
  static absl::StatusOr<StepGate> Create(std::filesystem::path file);
  StepGate(StepGate&& other) noexcept;
  StepGate& operator=(StepGate&&) = delete;
  ~StepGate();

  // For the environment of the daemon whose program is called `program`.
  std::vector<std::string> Environment(const std::string& program) const;

  // Counts from now on; `step` is 1 for the first.
  void Arm(int step, AtStep what);
  bool reached() const;
  // Lets go what waits, and counts no more.
  void Release();

 private:
  StepGate(std::filesystem::path file, step_gate* gate) : file_(std::move(file)), gate_(gate) {}

  std::filesystem::path file_;
  step_gate* gate_;
};

}  // namespace banger::e2e
