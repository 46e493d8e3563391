#include "services/agent/exec_options.h"

#include <vector>

#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/login_shell.h"
#include "services/agent/errors.h"
#include "services/agent/guest_user.h"

namespace banger::agent {
using exec::v1::Command;
namespace {

absl::StatusOr<User> ChooseUser(const Command& command, const ExecDefaults& image) {
  const bool own = !command.user().empty();
  absl::StatusOr<User> user = FindGuestUser(own ? command.user() : image.user);
  if (!user.ok()) return own ? CommandRefused(user.status()) : ImageConfigUnusable("User", user.status());
  user->shell = UsableShell(user->shell);
  return user;
}

absl::StatusOr<std::vector<std::string>> ChooseArgv(const Command& command, const ExecDefaults& image) {
  std::vector<std::string> argv(command.argv().begin(), command.argv().end());
  if (!command.entrypoint()) return argv;
  absl::StatusOr<std::vector<std::string>> whole = EntrypointWith(argv, image);
  if (!whole.ok()) return ImageConfigUnusable("Entrypoint", whole.status());
  return whole;
}

absl::StatusOr<std::string> ChooseWorkingDir(const Command& command, const ExecDefaults& image) {
  if (!command.working_dir().empty() || image.working_dir.empty()) return command.working_dir();
  const std::string& dir = image.working_dir;
  if (dir[0] != '/' || dir.find('\0') != std::string::npos)
    return ImageConfigUnusable(
        "WorkingDir", absl::InvalidArgumentError(absl::StrCat("'", dir, "' is not an absolute path")));
  if (const absl::Status made = MakeDirectories(dir, 0755); !made.ok())
    return ImageConfigUnusable("WorkingDir", made);
  return dir;
}

}  // namespace

absl::StatusOr<ExecOptions> ChooseExecOptions(const Command& command, const ExecDefaults& image) {
  ExecOptions options;
  BANGER_ASSIGN_OR_RETURN(options.user, ChooseUser(command, image));
  BANGER_ASSIGN_OR_RETURN(options.argv, ChooseArgv(command, image));
  BANGER_ASSIGN_OR_RETURN(options.working_dir, ChooseWorkingDir(command, image));
  const Environment env(command.env().begin(), command.env().end());
  if (const absl::Status checked = CheckEnvironment(env); !checked.ok()) return CommandRefused(checked);
  // The image's HOME is that of its own user.
  options.env = MergeEnvironment(options.user, command.tty(),
                                 command.user().empty() ? image.env : WithoutIdentity(image.env), env);
  options.tty = command.tty();
  if (command.has_window_size())
    options.size = {.rows = command.window_size().rows(), .columns = command.window_size().columns()};
  return options;
}

}  // namespace banger::agent
