#include "cli/system/this_host.h"

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "cli/remote/contexts.h"

namespace banger::cli {

absl::Status SpeakToThisHost() {
  const char* named = std::getenv("BANGER_CONTEXT");
  const std::string context = named != nullptr ? named : "";
  if (!context.empty() && context != kLocalContext)
    return UsageError(
        absl::StrCat("this is about the host on which it runs; run it on that of context '", context, "'"));
  ChooseContext(kLocalContext);
  return absl::OkStatus();
}

}  // namespace banger::cli
