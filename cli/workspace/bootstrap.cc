#include "absl/strings/str_cat.h"
#include "cli/exec/session.h"
#include "cli/names.h"
#include "cli/workspace/workspace.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

// The directory is an argument: no shell reads it as a program. mise's shims are in no
// PATH of a guest; those of what it has are put where each command looks.
constexpr char kScript[] = R"sh(
exec >&2
PATH=$HOME/.local/bin:$PATH
if ! command -v mise >/dev/null; then
  if command -v curl >/dev/null; then curl -fsSL https://mise.run | sh
  elif command -v wget >/dev/null; then wget -qO- https://mise.run | sh
  else echo 'neither mise is in the VM, nor curl or wget to fetch it'; exit 1
  fi
  command -v mise >/dev/null || { echo 'mise could not be fetched'; exit 1; }
fi
mise trust --yes && mise install --yes && mise reshim || exit
mkdir -p /usr/local/bin
for shim in "${MISE_DATA_DIR:-$HOME/.local/share/mise}"/shims/*; do
  [ ! -e "$shim" ] || ln -sf "$shim" /usr/local/bin/ || exit
done
)sh";

}  // namespace

absl::Status BootstrapTools(Client& client, Signals& signals, const std::string& vm,
                            const std::string& directory) {
  exec::v1::Command command;
  for (const char* word : {"sh", "-c", kScript}) command.add_argv(word);
  command.set_user("0");
  command.set_working_dir(directory);
  BANGER_ASSIGN_OR_RETURN(const int exit_code, RunInVm(client, signals, VmName(vm), std::move(command)));
  if (exit_code == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the repository's tools could not be installed (exit code ", exit_code,
                   "): see above, or go without by --no-bootstrap"));
}

}  // namespace banger::cli
