#include "cli/update/update.h"

#include "absl/strings/str_cat.h"
#include "cli/doctor/store.h"
#include "cli/update/store_backup.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

absl::Status ReplaceAndStart(const UpdateParts& parts, const Staging& staging, const Journal& journal,
                             int store_version) {
  BANGER_RETURN_IF_ERROR(parts.host.StopDaemons());
  BANGER_ASSIGN_OR_RETURN(const int store_here, StoreVersion(parts.database));
  if (store_here != 0 && store_here < store_version)
    BANGER_RETURN_IF_ERROR(BackUpStore(parts.database, staging.store()));
  BANGER_RETURN_IF_ERROR(SwapIn(journal.items, staging.tree(), staging.prefix(), parts.mover));
  BANGER_RETURN_IF_ERROR(parts.host.StartDaemons());
  return parts.host.CheckBuild(journal.to, journal.to_commit);
}

struct TakenBack {
  absl::Status files;    // the journal stays when something could not be undone
  absl::Status started;  // with what is there now
};

// Also where nothing has been replaced yet, only stopped.
TakenBack TakeBack(const UpdateParts& parts, const Staging& staging, const Journal& journal) {
  const absl::Status stopped = parts.host.StopDaemons();
  absl::Status files = SwapBack(journal.items, staging.tree(), staging.prefix(), parts.mover);
  if (files.ok() && stopped.ok()) files = RestoreStore(parts.database, staging.store());
  files = JoinErrors(files, stopped);
  const absl::Status started = parts.host.StartDaemons();
  if (files.ok()) files = RemoveFileDurably(staging.journal());
  return {files, started};
}

// Nothing when there is nothing to worry about any more.
std::string Explain(const TakenBack& back, const Journal& journal) {
  if (!back.files.ok())
    return absl::StrCat("; and taking it back failed: ", back.files.message(),
                        "; 'sudo banger update' tries again");
  if (back.started.ok()) return absl::StrCat("; ", journal.from, " is back and runs");
  return absl::StrCat("; ", journal.from, " is back, but does not start: ", back.started.message());
}

}  // namespace

absl::Status InstallRelease(const UpdateParts& parts, const Staging& staging,
                            const std::set<std::string>& files, const Release& release,
                            const std::string& from) {
  Journal journal{.from = from, .to = release.version, .to_commit = release.commit, .items = {}};
  BANGER_ASSIGN_OR_RETURN(journal.items, PlanSwap(staging.tree(), staging.prefix(), files));
  BANGER_RETURN_IF_ERROR(WriteJournal(staging.journal(), journal));
  const absl::Status done = ReplaceAndStart(parts, staging, journal, release.store_version);
  if (done.ok()) return RemoveFileDurably(staging.journal());
  const TakenBack back = TakeBack(parts, staging, journal);
  return absl::Status(back.files.ok() ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kInternal,
                      absl::StrCat("banger ", journal.to, ": ", done.message(), Explain(back, journal)));
}

absl::StatusOr<std::string> Recover(const UpdateParts& parts, const Staging& staging) {
  BANGER_ASSIGN_OR_RETURN(const Journal journal, ReadJournal(staging.journal()));
  absl::Status why = absl::CancelledError("it was not complete");
  if (HowFar(journal.items, staging.prefix()) == Swapped::kAll) {
    why = parts.host.StartDaemons();
    if (why.ok()) why = parts.host.CheckBuild(journal.to, journal.to_commit);
    if (why.ok()) {
      BANGER_RETURN_IF_ERROR(RemoveFileDurably(staging.journal()));
      return absl::StrCat("finished an interrupted update to ", journal.to);
    }
  }
  const TakenBack back = TakeBack(parts, staging, journal);
  return absl::Status(
      back.files.ok() ? absl::StatusCode::kAborted : absl::StatusCode::kInternal,
      absl::StrCat("an earlier update to ", journal.to, " was interrupted and is taken back: ", why.message(),
                   Explain(back, journal)));
}

}  // namespace banger::cli
