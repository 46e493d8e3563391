#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "banger/exec/v1/exec.pb.h"
#include "cli/client.h"
#include "cli/signals.h"

namespace banger::cli {

// Runs a command in a VM, joined to our own stdin, stdout and stderr, and gives
// its exit code. With command.tty our terminal is in raw mode meanwhile and its
// size follows.
//
// SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the command. A third SIGINT, or five
// seconds after a SIGTERM or SIGHUP, gives up: CANCELLED, and the client's stop
// is requested.
absl::StatusOr<int> RunInVm(Client& client, Signals& signals, const std::string& vm_name,
                            exec::v1::Command command);

}  // namespace banger::cli
