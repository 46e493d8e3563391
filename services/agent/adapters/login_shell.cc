#include "services/agent/adapters/login_shell.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/match.h"
#include "common/os/exec_vector.h"
#include "services/agent/adapters/guest_tools.h"
#include "services/agent/core/guest_paths.h"
#include "services/agent/core/ssh.h"

namespace banger::agent {
namespace {

// As sshd does: a home that is not there is no reason to stay outside.
void EnterHome(const std::string& home) {
  if (::chdir(home.c_str()) == 0) return;
  if (::chdir("/") < 0) std::fprintf(stderr, "banger: cannot enter '/': %s\n", std::strerror(errno));
}

}  // namespace

std::string UsableShell(const std::string& shell) {
  const bool refuses = absl::EndsWith(shell, "/nologin") || absl::EndsWith(shell, "/false");
  return !shell.empty() && !refuses && ::access(shell.c_str(), X_OK) == 0 ? shell : "/bin/sh";
}

bool CalledAsShell(int argc, char** argv) {
  return (argc == 1 && argv[0][0] == '-') || (argc == 3 && std::strcmp(argv[1], "-c") == 0);
}

int BecomeLoginShell(int argc, char** argv) {
  const Environment given = OwnEnvironment();
  const std::string shell = UsableShell(Lookup(given, kSshShell));
  Environment env = LoginEnvironment(given);
  for (std::string& entry : env)
    if (absl::StartsWith(entry, "SHELL=")) entry = "SHELL=" + shell;
  EnterHome(Lookup(given, kSshHome));
  if (argc == 3 && std::strcmp(argv[2], kSftpCommand) == 0) {
    const std::vector<std::string> server = GuestTool("sftp-server", {});
    Execute(server[0], server, env);
    std::fprintf(stderr, "banger: cannot run sftp-server: %s\n", std::strerror(errno));
    return 126;
  }
  const std::string name = LoginName(shell);
  const std::vector<std::string> command =
      argc == 3 ? std::vector<std::string>{name.substr(1), "-c", argv[2]} : std::vector<std::string>{name};
  Execute(shell, command, env);
  const int error = errno;
  std::fprintf(stderr, "banger: cannot run the shell '%s': %s\n", shell.c_str(), std::strerror(error));
  return error == ENOENT ? 127 : 126;
}

}  // namespace banger::agent
