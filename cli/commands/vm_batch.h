#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"

namespace banger::cli {

// VM..., one or more.
void DeclareVms(Flags& flags, std::vector<std::string>& vms);

// Does `work` for all the VMs at once, each once, and reports each: the name on
// stdout when it worked, the error on stderr when not. `verb` is "start". Exit
// code 0 when all worked; else that of the errors, 1 when they differ.
absl::StatusOr<int> ForEachVm(Context& context, const std::vector<std::string>& vms, const std::string& verb,
                              const std::function<absl::Status(const std::string& vm)>& work);

}  // namespace banger::cli
