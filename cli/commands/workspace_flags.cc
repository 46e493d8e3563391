#include "cli/commands/workspace_flags.h"

namespace banger::cli {

void DeclareWorkspace(Flags& flags, WorkspaceFlags& workspace) {
  flags.Text("--branch", "NAME", workspace.branch, "make that branch in the VM; default: the current one");
  flags.Text("--from", "COMMIT", workspace.from,
             "where the branch begins, with that commit's files; default: HEAD, with local changes");
  flags.Choice("--mode", "MODE", workspace.mode, {"shallow", "full"},
               "the last ten commits, or all of them and the submodules; default: shallow");
  flags.Switch("--include-untracked", workspace.include_untracked,
               "also files that git does not know and does not ignore; they are often secrets");
  flags.Switch("--no-bootstrap", workspace.no_bootstrap,
               "do not install the tools that .mise.toml or .tool-versions asks for");
  flags.Switch("--dry-run", workspace.dry_run, "only list the files that would travel");
}

std::string FirstGiven(const WorkspaceFlags& workspace) {
  if (!workspace.branch.empty()) return "--branch";
  if (!workspace.from.empty()) return "--from";
  if (workspace.mode != "shallow") return "--mode";
  if (workspace.include_untracked) return "--include-untracked";
  if (workspace.no_bootstrap) return "--no-bootstrap";
  if (workspace.dry_run) return "--dry-run";
  return "";
}

}  // namespace banger::cli
