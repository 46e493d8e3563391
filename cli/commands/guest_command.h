// What "vm exec" and "vm run" share: a command for a guest.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "banger/exec/v1/exec.pb.h"
#include "cli/flags.h"

namespace banger::cli {

struct GuestCommand {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string working_dir;
  std::string user;
  bool interactive = false;
  bool tty = false;
  bool entrypoint = false;
};

// All but the command itself: -i, -t, -w, -e, -u and --entrypoint.
void DeclareGuestCommand(Flags& flags, GuestCommand& command);

// Whether any of them was given, or a command.
bool IsGiven(const GuestCommand& command);

// Checks it; a usage error names the wrong flag. With a terminal the guest
// learns our TERM.
absl::StatusOr<exec::v1::Command> ToProto(const GuestCommand& command);

}  // namespace banger::cli
