#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/output/streams.h"
#include "cli/system/host_files.h"
#include "cli/system/refresh.h"
#include "cli/system/systemd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

// A name as useradd takes it, so that it is one word of a line of sysusers.d.
bool IsUserName(const std::string& name) {
  if (name.empty() || name.size() > 32 || name.front() == '-') return false;
  for (const char c : name)
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-' && c != '.') return false;
  return true;
}

class SystemInstallCommand final : public Command {
 public:
  SystemInstallCommand()
      : Command(
            {.path = "system install",
             .summary = "Have this host's systemd run banger",
             .description =
                 "Makes the user 'banger' and its directories, puts USER into the group that may use\n"
                 "banger, writes /etc/banger/config.toml where there is none, enables banger.target and\n"
                 "starts the daemons, or restarts those that run, while VMs go on running. Units are\n"
                 "copied into /etc/systemd unless they are where systemd looks anyway. To be run as root,\n"
                 "from an installation; again at any time.",
             .examples = {{"sudo banger system install --owner $USER", "for yourself"},
                          {"banger system install --owner me --root /mnt",
                           "into the tree of another system; nothing is started"}}}) {}

  void Declare(Flags& flags) override {
    flags.Text("--owner", "USER", owner_, "who may use banger, besides root").required = true;
    flags.Text("--root", "DIR", root_, "act on the system in this directory, and start nothing");
  }

  absl::StatusOr<int> Run(Context& context) override {
    if (!IsUserName(owner_)) return UsageError(absl::StrCat("--owner '", owner_, "' is no user's name"));
    const Systemd systemd(root_);
    const absl::Status installed = Install(systemd, context.client.stop());
    if (!installed.ok()) return Annotate(installed, "install banger");
    return kExitOk;
  }

 private:
  absl::Status Install(const Systemd& systemd, const std::stop_token& stop) {
    BANGER_RETURN_IF_ERROR(systemd.CheckMayChange());
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path prefix, InstalledPrefix());
    if (!UserExists(systemd.root(), owner_))
      return absl::NotFoundError(absl::StrCat("there is no user '", owner_, "'"));
    BANGER_ASSIGN_OR_RETURN(const bool configured, WriteConfig(prefix, systemd.root()));
    if (configured) Note(absl::StrCat("wrote ", (systemd.root() / "etc/banger/config.toml").string()));
    BANGER_ASSIGN_OR_RETURN(const auto written, RefreshUnits(prefix, systemd, stop));
    for (const std::filesystem::path& file : written) Note(absl::StrCat("wrote ", file.string()));
    BANGER_RETURN_IF_ERROR(
        systemd.Run("systemd-sysusers", {"--inline", absl::StrCat("m ", owner_, " banger")}, stop).status());
    BANGER_RETURN_IF_ERROR(Enable(systemd, stop));
    Note(absl::StrCat("'", owner_, "' may use banger after the next login; see 'banger doctor'"));
    return absl::OkStatus();
  }

  static absl::Status Enable(const Systemd& systemd, const std::stop_token& stop) {
    BANGER_RETURN_IF_ERROR(systemd.Run("systemctl", {"enable", kTarget}, stop).status());
    return systemd.offline() ? absl::OkStatus() : RestartDaemons(systemd, stop);
  }

  std::string owner_;
  std::string root_ = "/";
};

}  // namespace

std::unique_ptr<Command> SystemInstall() { return std::make_unique<SystemInstallCommand>(); }

}  // namespace banger::cli
