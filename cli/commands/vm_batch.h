#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"

namespace banger::cli {

// VM..., one or more.
void DeclareVms(Flags& flags, std::vector<std::string>& vms);

using VmWork = std::function<absl::Status(const std::string& vm)>;

// Does `work` for all the VMs at once, each once, and reports each that failed on
// stderr; `verb` is "show ports of". Exit code 0 when all worked; else that of the
// errors, 1 when they differ.
absl::StatusOr<int> AskEachVm(Context& context, const std::vector<std::string>& vms, const std::string& verb,
                              const VmWork& work);

// The same, with the name of each that worked on stdout.
absl::StatusOr<int> ForEachVm(Context& context, const std::vector<std::string>& vms, const std::string& verb,
                              const VmWork& work);

}  // namespace banger::cli
