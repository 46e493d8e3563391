#include "services/vmd/core/host_resources.h"

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {

absl::Status HostResources::Make(const std::string& uid, const std::vector<Step>& steps,
                                 const ProgressFn& progress, const std::stop_token& stop) {
  for (const Step& step : steps) {
    if (stop.stop_requested())
      return absl::CancelledError(absl::StrCat("stopped", step.stage.empty() ? "" : " before: ", step.stage));
    if (!step.stage.empty()) progress({.stage = step.stage});
    BANGER_RETURN_IF_ERROR(ports_.store.Record({uid, step.resource, step.detail}));
    BANGER_RETURN_IF_ERROR(step.make(stop));
  }
  return absl::OkStatus();
}

absl::Status HostResources::GiveBack(const std::string& uid, Resource first) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<LedgerEntry> ledger, ports_.store.Ledger(uid));
  absl::Status all;
  for (const LedgerEntry& entry : ledger) {
    if (entry.resource < first) break;
    absl::Status given_back = GiveBackOne(entry);
    if (given_back.ok()) given_back = ports_.store.Strike(uid, entry.resource);
    all = JoinErrors(all, given_back);
  }
  return all;
}

absl::Status HostResources::GiveBackOne(const LedgerEntry& entry) {
  switch (entry.resource) {
    case Resource::kImageLease:
      return ports_.images.Release(entry.detail, entry.uid);
    case Resource::kEndpoint:
      return ports_.network.DeleteEndpoint(entry.uid);
    case Resource::kDisks:
      return ports_.files.Remove(entry.uid);
    case Resource::kTap:
      return ports_.network.DetachTap(entry.uid);
    case Resource::kProcess:
      ports_.forwards.CloseAll(entry.uid);
      ports_.guests.Close(entry.uid);
      return ports_.vmm.Destroy(entry.uid);
  }
  return absl::InternalError(
      absl::StrCat("ledger of ", entry.uid, ": unknown resource ", static_cast<int>(entry.resource)));
}

}  // namespace banger::vmd
