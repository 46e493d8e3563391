#include "services/agent/adapters/image_finaliser.h"

#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/os/os_release.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/identity.h"
#include "services/agent/adapters/in_root.h"
#include "services/agent/core/families.h"
#include "services/agent/core/image_settings.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

// What could not be done, for people.
using Warnings = std::vector<std::string>;

void Note(Warnings& warnings, absl::string_view what, const absl::Status& status) {
  if (!status.ok()) warnings.push_back(absl::StrCat(what, ": ", status.message()));
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

// Writes only what differs, so that a boot leaves the upper disk alone.
absl::Status SetFile(const fs::path& path, const std::string& content, unsigned mode) {
  const absl::StatusOr<std::string> old = ReadFile(path);
  if (old.ok() && *old == content) return absl::OkStatus();
  BANGER_RETURN_IF_ERROR(MakeDirectories(path.parent_path(), 0755));
  return WriteFileAtomically(path, content, mode);
}

absl::Status SetLink(const fs::path& path, const std::string& target) {
  std::error_code error;
  if (fs::read_symlink(path, error) == target) return absl::OkStatus();
  BANGER_RETURN_IF_ERROR(MakeDirectories(path.parent_path(), 0755));
  ::unlink(path.c_str());
  if (::symlink(target.c_str(), path.c_str()) < 0)
    return ErrnoError(errno, absl::StrCat("link '", path.string(), "'"));
  return absl::OkStatus();
}

const Family* FamilyOf(const fs::path& root, Warnings& warnings) {
  absl::StatusOr<std::string> text = ReadFile(root / "etc/os-release");
  if (!text.ok()) text = ReadFile(root / "usr/lib/os-release");
  const OsRelease os = text.ok() ? ParseOsRelease(*text) : OsRelease{};
  const Family* family = FindFamily(os.id, os.id_like);
  if (family == nullptr) {
    const std::string what = text.ok() ? absl::StrCat("os-release (ID '", os.id, "') names no known family")
                                       : "there is no os-release";
    warnings.push_back(absl::StrCat(what, ": systemd is set up as that of any family"));
  }
  return family;
}

void MaskUnits(const fs::path& root, Warnings& warnings) {
  for (const std::string& unit : MaskedUnits(FamilyOf(root, warnings)))
    Note(warnings, absl::StrCat("mask unit ", unit),
         SetLink(root / "etc/systemd/system" / unit, "/dev/null"));
}

absl::Status SetFstab(const fs::path& root) {
  const absl::StatusOr<std::string> fstab = ReadFile(root / "etc/fstab");
  if (!fstab.ok()) return absl::OkStatus();  // none
  return SetFile(root / "etc/fstab", FilterFstab(*fstab), 0644);
}

// openSUSE has its own below /usr, and reads that of /etc instead if there is one.
absl::StatusOr<std::string> SshdConfig(const fs::path& root) {
  absl::StatusOr<std::string> config = ReadFile(root / "etc/ssh/sshd_config");
  return config.ok() ? config : ReadFile(root / "usr/etc/ssh/sshd_config");
}

absl::Status SetSshd(const fs::path& root) {
  const absl::StatusOr<std::string> config = SshdConfig(root);
  if (!config.ok()) return absl::OkStatus();  // no sshd
  if (BeginsWithDropIns(*config))
    return SetFile(root / "etc/ssh/sshd_config.d/00-banger.conf", SshdDropIn(), 0600);
  return SetFile(root / "etc/ssh/sshd_config", PrependSshdSettings(*config), 0600);
}

// Made by a unit of its own before sshd starts, so that the boot does not wait.
absl::Status MakeHostKeysAtBoot(const fs::path& root) {
  if (!HasOwnSshServer(root)) return absl::OkStatus();
  const char unit[] =
      "[Unit]\nDescription=SSH host keys of this VM\n"
      "Before=ssh.service sshd.service ssh.socket sshd-keygen@ed25519.service sshdgenkeys.service\n"
      "ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\n\n"
      "[Service]\nType=oneshot\n"
      // Not -A: an RSA key takes many seconds where there is no KVM.
      "ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N \"\" -f /etc/ssh/ssh_host_ed25519_key\n";
  BANGER_RETURN_IF_ERROR(SetFile(root / "etc/systemd/system/banger-ssh-keys.service", unit, 0644));
  return SetLink(root / "etc/systemd/system/multi-user.target.wants/banger-ssh-keys.service",
                 "/etc/systemd/system/banger-ssh-keys.service");
}

// The agent and its ssh sessions run until the end, so their mounts cannot go when the
// others do.
absl::Status KeepAgentMounted(const fs::path& root) {
  for (const char* mount : {"run-banger-agent", "run-banger-guest"})
    BANGER_RETURN_IF_ERROR(
        SetFile(root / "etc/systemd/system" / absl::StrCat(mount, ".mount.d") / "10-banger.conf",
                "[Unit]\nDefaultDependencies=no\n", 0644));
  return absl::OkStatus();
}

// Network managers and cloud-init of the image keep their hands off what the
// agent configures.
void TameNetworkManagers(const fs::path& root, Warnings& warnings) {
  Note(warnings, "tame systemd-networkd",
       SetFile(root / "etc/systemd/network/00-banger.network",
               "[Match]\nType=ether\nKind=!*\n\n[Link]\nUnmanaged=yes\n", 0644));
  if (Exists(root / "etc/NetworkManager"))
    Note(warnings, "tame NetworkManager",
         SetFile(root / "etc/NetworkManager/conf.d/90-banger.conf",
                 "[keyfile]\nunmanaged-devices=type:ethernet\n", 0644));
  if (Exists(root / "etc/cloud"))
    Note(warnings, "disable cloud-init", SetFile(root / "etc/cloud/cloud-init.disabled", "", 0644));
}

}  // namespace

bool HasSystemd(const fs::path& root) {
  const absl::StatusOr<fs::path> init = ResolveInRoot(root, "sbin/init");
  return init.ok() && init->filename() == "systemd" && ::access(init->c_str(), X_OK) == 0;
}

std::vector<std::string> FinaliseImage(const fs::path& root, const std::string& vm_uid) {
  Warnings warnings;
  Note(warnings, "set the machine id", TakeIdentity(vm_uid, root).status());
  Note(warnings, "set fstab", SetFstab(root));
  Note(warnings, "set up sshd", SetSshd(root));
  // As programs of images made for containers expect it.
  if (!Exists(root / "etc/mtab")) Note(warnings, "link mtab", SetLink(root / "etc/mtab", "/proc/mounts"));
  if (!HasSystemd(root)) return warnings;
  MaskUnits(root, warnings);
  TameNetworkManagers(root, warnings);
  Note(warnings, "keep the agent mounted", KeepAgentMounted(root));
  Note(warnings, "prepare ssh host keys", MakeHostKeysAtBoot(root));
  return warnings;
}

}  // namespace banger::agent
