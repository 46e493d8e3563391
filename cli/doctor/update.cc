#include "cli/doctor/update.h"

#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "cli/update/staging.h"

namespace banger::cli {

Finding CheckUpdate(const std::filesystem::path& prefix) {
  const std::string journal = JournalOf(prefix);
  if (::access(journal.c_str(), F_OK) == 0)
    return Warning("update", "one runs, or was interrupted and is not decided", "sudo banger update");
  if (errno == EACCES)
    return Warning("update", absl::StrCat("'", journal, "' is not for you to look at"), "sudo banger doctor");
  return Pass("update", "none is undecided");
}

}  // namespace banger::cli
