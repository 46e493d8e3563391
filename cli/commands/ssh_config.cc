#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/output/streams.h"
#include "cli/ssh/key.h"
#include "cli/ssh/options.h"
#include "cli/ssh/user_config.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class SshConfigCommand final : public Command {
 public:
  SshConfigCommand()
      : Command(
            {.path = "ssh-config",
             .summary = "Print how ssh reaches VMs, or tell ssh",
             .description =
                 "With it ssh, scp, sftp, rsync, git and editors reach every VM that runs as NAME.vm,\n"
                 "without a route to it. --install puts an Include at the top of ~/.ssh/config, between\n"
                 "two lines that mark it; --uninstall takes exactly that out again. Print it again, or\n"
                 "install it again, when banger has moved.",
             .examples = {{"banger ssh-config --install", "then: ssh web.vm, scp FILE web.vm:"},
                          {"banger ssh-config > vms; ssh -F vms web.vm", "without changing a file of yours"},
                          {"banger ssh-config --uninstall", "as it was before"}}}) {}

  void Declare(Flags& flags) override {
    flags.Switch("--install", install_, "include it in ~/.ssh/config");
    flags.Switch("--uninstall", uninstall_, "take it out of ~/.ssh/config");
  }

  absl::StatusOr<int> Run(Context&) override {
    if (install_ && uninstall_) return UsageError("ssh-config: --install and --uninstall exclude each other");
    if (uninstall_) return Uninstall();
    BANGER_ASSIGN_OR_RETURN(const SshOptions options, MakeSshOptions("%h"));
    const std::string text = absl::StrCat("# How ssh reaches banger's VMs; made by 'banger ssh-config'.\n",
                                          SshConfigText(options));
    if (install_) return Install(text);
    BANGER_RETURN_IF_ERROR(WriteStdout(text));
    return kExitOk;
  }

 private:
  static absl::StatusOr<int> Install(const std::string& text) {
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path included, Included());
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path config, UserSshConfig());
    BANGER_RETURN_IF_ERROR(WriteFileAtomically(included, text, 0600));
    BANGER_RETURN_IF_ERROR(InstallInclude(config, included));
    Note(absl::StrCat("'", config.string(), "' includes it now: try 'ssh NAME.vm'"));
    return kExitOk;
  }

  static absl::StatusOr<int> Uninstall() {
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path included, Included());
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path config, UserSshConfig());
    BANGER_ASSIGN_OR_RETURN(const bool was_there, UninstallInclude(config));
    BANGER_RETURN_IF_ERROR(RemoveFileDurably(included));
    Note(absl::StrCat("'", config.string(),
                      was_there ? "' is as it was before" : "' has nothing of banger's"));
    return kExitOk;
  }

  static absl::StatusOr<std::filesystem::path> Included() {
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path dir, SshDir());
    return dir / "config";
  }

  bool install_ = false;
  bool uninstall_ = false;
};

}  // namespace

std::unique_ptr<Command> SshConfig() { return std::make_unique<SshConfigCommand>(); }

}  // namespace banger::cli
