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
#include "common/sync/mutex.h"
#include "common/sync/worker_pool.h"

namespace banger::cli {
namespace {

// Collects the results of a batch. Thread-safe.
class Report {
 public:
  explicit Report(std::string request_id) : request_id_(std::move(request_id)) {}

  void Add(const std::string& vm, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (status.ok()) {
      written_ = JoinErrors(written_, WriteStdout(absl::StrCat(IdOf(vm), "\n")));
    } else {
      WriteStderr(FormatError(status, request_id_, ColorStderr())).IgnoreError();
      codes_.insert(ExitCodeOf(status));
    }
  }

  absl::StatusOr<int> Finish() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (codes_.size() > 1) return kExitFailed;
    if (codes_.size() == 1) return *codes_.begin();
    if (!written_.ok()) return written_;
    return kExitOk;
  }

 private:
  const std::string request_id_;
  Mutex mutex_;
  std::set<int> codes_ ABSL_GUARDED_BY(mutex_);
  absl::Status written_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void DeclareVms(Flags& flags, std::vector<std::string>& vms) {
  flags.Arguments("VM", vms, "name, id, or the beginning of an id").complete = Names::kVms;
}

absl::StatusOr<int> ForEachVm(Context& context, const std::vector<std::string>& vms, const std::string& verb,
                              const std::function<absl::Status(const std::string& vm)>& work) {
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
        report.Add(vm, Annotate(work(vm), absl::StrCat(verb, " vm '", vm, "'")));
      });
      if (!accepted)
        report.Add(vm, absl::InternalError(absl::StrCat(verb, " vm '", vm, "': no thread for it")));
    }
  }
  return report.Finish();
}

}  // namespace banger::cli
