#include "cli/commands/vm_batch.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/sync/mutex.h"
#include "common/sync/worker_pool.h"

namespace banger::cli {
namespace {

// Tells of what failed in a batch. Thread-safe.
class Report {
 public:
  explicit Report(std::string request_id) : request_id_(std::move(request_id)) {}

  void Add(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    if (status.ok()) return;
    const MutexLock lock(mutex_);
    WriteStderr(FormatError(status, request_id_, ColorStderr())).IgnoreError();
    codes_.insert(ExitCodeOf(status));
  }

  int Finish() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (codes_.empty()) return kExitOk;
    return codes_.size() == 1 ? *codes_.begin() : kExitFailed;
  }

 private:
  const std::string request_id_;
  mutable Mutex mutex_;
  std::set<int> codes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void DeclareVms(Flags& flags, std::vector<std::string>& vms) {
  flags.Arguments("VM", vms, "name, id, or the beginning of an id").complete = Names::kVms;
}

absl::StatusOr<int> AskEachVm(Context& context, const std::vector<std::string>& vms, const std::string& verb,
                              const VmWork& work) {
  constexpr std::size_t kAtOnce = 32;
  if (const absl::Status status = context.client.Connect(); !status.ok())
    return Annotate(status, absl::StrCat(verb, " vm '", vms.front(), "'"));
  Report report(context.client.request_id());
  std::set<std::string> seen;
  {
    WorkerPool workers(std::min(kAtOnce, vms.size()), vms.size());
    for (const std::string& vm : vms) {
      if (!seen.insert(vm).second) continue;
      const bool accepted = workers.Submit([&report, &work, &verb, vm] {
        report.Add(Annotate(work(vm), absl::StrCat(verb, " vm '", vm, "'")));
      });
      if (!accepted) report.Add(absl::InternalError(absl::StrCat(verb, " vm '", vm, "': no thread for it")));
    }
  }
  return report.Finish();
}

absl::StatusOr<int> ForEachVm(Context& context, const std::vector<std::string>& vms, const std::string& verb,
                              const VmWork& work) {
  Mutex mutex;
  absl::Status written;
  BANGER_ASSIGN_OR_RETURN(const int code, AskEachVm(context, vms, verb, [&](const std::string& vm) {
                            BANGER_RETURN_IF_ERROR(work(vm));
                            const MutexLock lock(mutex);
                            written = JoinErrors(written, WriteStdout(absl::StrCat(IdOf(vm), "\n")));
                            return absl::OkStatus();
                          }));
  if (code == kExitOk && !written.ok()) return written;
  return code;
}

}  // namespace banger::cli
