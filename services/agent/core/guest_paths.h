// Where things are in the guest, and the variables of an ssh session. Plain constants, as
// ssh/accounts.cc can use nothing else.
#pragma once

namespace banger::agent {

// The agent's binary as programs in the guest see it.
inline constexpr char kAgentInGuest[] = "/run/banger/agent";
// dropbear, sftp-server, and all that they need to run in any image.
inline constexpr char kToolsInGuest[] = "/run/banger/guest";

// The host key of the agent's own ssh server, made when it is first needed.
inline constexpr char kSshHostKeyDir[] = "var/lib/banger";
inline constexpr char kSshHostKeyName[] = "ssh_host_ed25519_key";

// Variables. Set for dropbear: the directory that holds .ssh/authorized_keys.
inline constexpr char kSshKeys[] = "BANGER_SSH_KEYS";
// Set by ssh/accounts.cc for the login shell: what /etc/passwd says.
inline constexpr char kSshHome[] = "BANGER_SSH_HOME";
inline constexpr char kSshShell[] = "BANGER_SSH_SHELL";

// What dropbear runs for sftp: the path is compiled in.
inline constexpr char kSftpCommand[] = "/usr/lib/sftp-server";

}  // namespace banger::agent
