#include "cli/registry/secret.h"

#include <fcntl.h>
#include <unistd.h>

#include "cli/exec/terminal.h"
#include "cli/typed.h"
#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

constexpr char kWhat[] = "the password";

}  // namespace

absl::StatusOr<std::string> PromptSecret(const std::string& prompt, const std::stop_token& stop) {
  const absl::StatusOr<UniqueFd> terminal = OpenFile("/dev/tty", O_RDWR | O_NOCTTY);
  if (!terminal.ok()) return absl::FailedPreconditionError("there is no terminal to ask for the password at");
  BANGER_ASSIGN_OR_RETURN(const TerminalMode hidden, TerminalMode::Hidden(terminal->get()));
  BANGER_RETURN_IF_ERROR(WriteFully(terminal->get(), prompt));
  absl::StatusOr<std::string> secret = ReadTyped(terminal->get(), /*one_line=*/true, kWhat, stop);
  // The user's own end of line was not shown either.
  WriteFully(terminal->get(), "\n").IgnoreError();
  return secret;
}

absl::StatusOr<std::string> ReadSecretFromStdin(const std::stop_token& stop) {
  return ReadTyped(STDIN_FILENO, /*one_line=*/false, kWhat, stop);
}

}  // namespace banger::cli
