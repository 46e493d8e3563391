#include "services/vmd/adapters/kvm_probe.h"

#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/file_version.h"
#include "common/os/process.h"
#include "common/os/subprocess.h"
#include "common/status/status_macros.h"
#include "common/sync/deadline_stop.h"
#include "services/vmd/adapters/confinement.h"

namespace banger::vmd {
namespace {

using nlohmann::json;

// A kernel under working KVM is through in half a second.
constexpr std::chrono::seconds kProbeTimeout{3};

}  // namespace

bool CanOpenKvm() { return ::access("/dev/kvm", R_OK | W_OK) == 0; }

absl::StatusOr<bool> KvmProbe::Try(const KvmTrial& trial, const std::stop_token& stop) const {
  const DeadlineStop deadline(kProbeTimeout, stop);
  const absl::StatusOr<CommandResult> run =
      RunCommand({.argv = ConfinedCommand(
                      launcher_, {.files = FilesOfTrial(trial.program, trial.vmlinux), .argv = trial.argv}),
                  .new_session = true},
                 trial.input, deadline.token());
  if (stop.stop_requested()) return absl::CancelledError("stopped while KVM was tried");
  const bool runs = run.ok() && run->status.success() &&
                    run->out.find("Linux version") != std::string::npos &&
                    run->out.find("Kernel panic") != std::string::npos;
  log::Info(runs ? "KVM runs this kernel" : "KVM does not run this kernel; it will be emulated",
            {{"vmm", trial.program.string()}, {"kernel", trial.vmlinux.string()}});
  return runs;
}

absl::StatusOr<bool> KvmProbe::Runs(const KvmTrial& trial, const std::stop_token& stop) {
  if (!CanOpenKvm()) return false;
  BANGER_ASSIGN_OR_RETURN(const ProcessIdentity self, IdentifyProcess(::getpid()));
  const std::string key = absl::StrCat(FileVersion(trial.vmlinux).value_or("missing"), "/",
                                       FileVersion(trial.program).value_or("missing"), "/", self.boot_id);
  if (const std::optional<bool> known = Remembered(key)) return *known;
  BANGER_ASSIGN_OR_RETURN(const bool runs, probes_.Do(key, stop, [this, trial](const std::stop_token& s) {
    return Try(trial, s);
  }));
  Remember(key, runs);
  return runs;
}

std::optional<bool> KvmProbe::Remembered(const std::string& key) const {
  const absl::StatusOr<std::string> text = ReadFile(cache_file_, 1 << 20);
  if (!text.ok()) return std::nullopt;
  const json known = json::parse(*text, nullptr, false);
  if (!known.is_object() || !known.contains(key) || !known[key].is_boolean()) return std::nullopt;
  return known[key].get<bool>();
}

// Two writers at once may lose one answer, which is then found again.
void KvmProbe::Remember(const std::string& key, bool runs) const {
  const absl::StatusOr<std::string> text = ReadFile(cache_file_, 1 << 20);
  json known = text.ok() ? json::parse(*text, nullptr, false) : json::object();
  if (!known.is_object() || known.size() > 100) known = json::object();
  known[key] = runs;
  absl::Status kept = MakeDirectories(cache_file_.parent_path());
  if (kept.ok()) kept = WriteFileAtomically(cache_file_, known.dump(2) + "\n");
  if (!kept.ok()) log::Warn("cannot remember what KVM can do", {{"error", std::string(kept.message())}});
}

}  // namespace banger::vmd
