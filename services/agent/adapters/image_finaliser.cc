#include "services/agent/adapters/image_finaliser.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/agent/core/image_settings.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

void SayIfFailed(absl::string_view what, const absl::Status& status) {
  if (!status.ok()) log::Warn(what, {{"error", std::string(status.message())}});
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

void MaskUnits(const fs::path& root) {
  for (const std::string& unit : MaskedUnits())
    SayIfFailed("mask unit", SetLink(root / "etc/systemd/system" / unit, "/dev/null"));
}

absl::Status SetFstab(const fs::path& root) {
  const absl::StatusOr<std::string> fstab = ReadFile(root / "etc/fstab");
  if (!fstab.ok()) return absl::OkStatus();  // none
  return SetFile(root / "etc/fstab", FilterFstab(*fstab), 0644);
}

// VMs of one image must differ. systemd makes an id for an empty file.
absl::Status SetMachineId(const fs::path& root) {
  const fs::path mark = root / "etc/.banger-machine-id";
  if (Exists(mark)) return absl::OkStatus();
  char random[16];
  if (::getrandom(random, sizeof random, 0) != sizeof random) return ErrnoError(errno, "get random bytes");
  const std::string id = absl::StrCat(absl::BytesToHexString(absl::string_view(random, sizeof random)), "\n");
  BANGER_RETURN_IF_ERROR(SetFile(root / "etc/machine-id", id, 0444));
  // D-Bus keeps its own, unless that is a link to the one in /etc.
  const fs::path dbus = root / "var/lib/dbus/machine-id";
  std::error_code error;
  if (fs::is_regular_file(fs::symlink_status(dbus, error))) BANGER_RETURN_IF_ERROR(SetFile(dbus, id, 0444));
  // Nor may VMs share the image's host keys.
  for (const fs::directory_entry& entry : fs::directory_iterator(root / "etc/ssh", error)) {
    if (entry.path().filename().string().rfind("ssh_host_", 0) == 0) ::unlink(entry.path().c_str());
  }
  return SetFile(mark, "", 0600);
}

absl::Status SetSshd(const fs::path& root) {
  const fs::path config = root / "etc/ssh/sshd_config";
  const absl::StatusOr<std::string> text = ReadFile(config);
  if (!text.ok()) return absl::OkStatus();  // no sshd
  if (IncludesDropIns(*text))
    return SetFile(root / "etc/ssh/sshd_config.d/10-banger.conf", SshdDropIn(), 0600);
  return SetFile(config, PrependSshdSettings(*text), 0600);
}

// Made by a unit of its own before sshd starts, so that the boot does not wait.
absl::Status MakeHostKeysAtBoot(const fs::path& root) {
  if (!Exists(root / "usr/bin/ssh-keygen") || !Exists(root / "etc/ssh")) return absl::OkStatus();
  const char unit[] =
      "[Unit]\nDescription=SSH host keys of this VM\nBefore=ssh.service sshd.service ssh.socket\n"
      "ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\n\n"
      "[Service]\nType=oneshot\n"
      // Not -A: an RSA key takes many seconds where there is no KVM.
      "ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N \"\" -f /etc/ssh/ssh_host_ed25519_key\n";
  BANGER_RETURN_IF_ERROR(SetFile(root / "etc/systemd/system/banger-ssh-keys.service", unit, 0644));
  return SetLink(root / "etc/systemd/system/multi-user.target.wants/banger-ssh-keys.service",
                 "/etc/systemd/system/banger-ssh-keys.service");
}

// The agent runs until the end, so its mount cannot go when the others do.
absl::Status KeepAgentMounted(const fs::path& root) {
  return SetFile(root / "etc/systemd/system/run-banger-agent.mount.d/10-banger.conf",
                 "[Unit]\nDefaultDependencies=no\n", 0644);
}

// Network managers and cloud-init of the image keep their hands off what the
// agent configures.
void TameNetworkManagers(const fs::path& root) {
  SayIfFailed("tame systemd-networkd",
              SetFile(root / "etc/systemd/network/00-banger.network",
                      "[Match]\nType=ether\nKind=!*\n\n[Link]\nUnmanaged=yes\n", 0644));
  if (Exists(root / "etc/NetworkManager"))
    SayIfFailed("tame NetworkManager", SetFile(root / "etc/NetworkManager/conf.d/90-banger.conf",
                                               "[keyfile]\nunmanaged-devices=type:ethernet\n", 0644));
  if (Exists(root / "etc/cloud"))
    SayIfFailed("disable cloud-init", SetFile(root / "etc/cloud/cloud-init.disabled", "", 0644));
}

}  // namespace

bool HasSystemd(const fs::path& root) {
  // The image's links may be absolute, so they are read, not followed.
  std::error_code error;
  const fs::path target = fs::read_symlink(root / "sbin/init", error);
  return !error && target.filename() == "systemd";
}

void FinaliseImage(const fs::path& root) {
  SayIfFailed("set the machine id", SetMachineId(root));
  SayIfFailed("set fstab", SetFstab(root));
  SayIfFailed("set up sshd", SetSshd(root));
  if (!HasSystemd(root)) return;
  MaskUnits(root);
  TameNetworkManagers(root);
  SayIfFailed("keep the agent mounted", KeepAgentMounted(root));
  SayIfFailed("prepare ssh host keys", MakeHostKeysAtBoot(root));
}

}  // namespace banger::agent
