#include "cli/commands/guest_command.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "cli/errors.h"

namespace banger::cli {

void DeclareGuestCommand(Flags& flags, GuestCommand& command) {
  flags.Switch("-i,--interactive", command.interactive, "forward stdin");
  flags.Switch("-t,--tty", command.tty, "give it a terminal");
  flags.Text("-w,--workdir", "DIR", command.working_dir,
             "where to run it; default: the image's WorkingDir, else the user's home");
  flags.List("-e,--env", "KEY=VALUE", command.env, "adds to its environment; wins over the image's");
  flags.Text("-u,--user", "USER", command.user,
             "name or uid, as USER or USER:GROUP; default: the image's User, else root");
  flags.Switch("--entrypoint", command.entrypoint,
               "run the image's Entrypoint with CMD, or with the image's Cmd");
}

bool IsGiven(const GuestCommand& command) {
  return !command.argv.empty() || !command.env.empty() || !command.working_dir.empty() ||
         !command.user.empty() || command.interactive || command.tty || command.entrypoint;
}

absl::StatusOr<exec::v1::Command> ToProto(const GuestCommand& command) {
  exec::v1::Command proto;
  if (command.tty && command.interactive && ::isatty(STDIN_FILENO) != 1)
    return UsageError("-t: stdin is not a terminal; leave -t out");
  if (!command.working_dir.empty() && !command.working_dir.starts_with('/'))
    return UsageError(absl::StrCat("--workdir: '", command.working_dir, "' is not an absolute path"));
  if (!command.entrypoint && !command.argv.empty() && command.argv.front().empty())
    return UsageError("the command after '--' has an empty name");
  const char* term = std::getenv("TERM");
  if (command.tty) proto.add_env(absl::StrCat("TERM=", term != nullptr ? term : "xterm"));
  for (const std::string& entry : command.env) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0)
      return UsageError(absl::StrCat("--env: '", entry, "' is not KEY=VALUE"));
    proto.add_env(entry);
  }
  for (const std::string& argument : command.argv) proto.add_argv(argument);
  proto.set_working_dir(command.working_dir);
  proto.set_user(command.user);
  proto.set_tty(command.tty);
  proto.set_stdin(command.interactive);
  proto.set_entrypoint(command.entrypoint);
  return proto;
}

}  // namespace banger::cli
