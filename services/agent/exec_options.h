#pragma once

#include "absl/status/statusor.h"
#include "banger/exec/v1/exec.pb.h"
#include "services/agent/adapters/exec_process.h"
#include "services/agent/core/exec_defaults.h"

namespace banger::agent {

// What is to run: what the caller asks for and, where that is silent, what the
// image says. Makes the image's WorkingDir when it is missing. COMMAND_REFUSED for
// what the caller got wrong, IMAGE_CONFIG_UNUSABLE for the image.
absl::StatusOr<ExecOptions> ChooseExecOptions(const exec::v1::Command& command, const ExecDefaults& image);

}  // namespace banger::agent
