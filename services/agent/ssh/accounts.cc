// Loaded before the C library into dropbear and sftp-server, which run in guests of
// any kind: what they ask the system for is answered as Exec would.
//
// In dropbear (BANGER_SSH_KEYS is set) every user has the caller's key as the only one,
// the agent as login shell (adapters/login_shell, which becomes the real one), and no
// shell is refused. Root exists, with or without an /etc/passwd. The connection comes
// from this machine, whatever kind of socket it is.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "services/agent/core/guest_paths.h"

namespace {

using banger::agent::kAgentInGuest;

passwd* Root() {
  static char name[] = "root", none[] = "*", home[] = "/root", shell[] = "/bin/sh", empty[] = "";
  static passwd root{};
  root.pw_name = name;
  root.pw_passwd = none;
  root.pw_gecos = empty;
  root.pw_dir = home;
  root.pw_shell = shell;
  return &root;
}

// The C library's own. None of it throws, and memory is nobody's to free.
template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

passwd* ForDropbear(passwd* user) {
  char* keys = std::getenv(banger::agent::kSshKeys);
  if (keys == nullptr || user == nullptr) return user;
  ::setenv(banger::agent::kSshHome, user->pw_dir, 1);
  ::setenv(banger::agent::kSshShell, user->pw_shell, 1);
  user->pw_dir = keys;
  user->pw_shell = const_cast<char*>(kAgentInGuest);
  return user;
}

int Address(sockaddr* address, socklen_t* size, in_port_t port) {
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  local.sin_port = htons(port);
  std::memcpy(address, &local, *size < sizeof local ? *size : sizeof local);
  *size = sizeof local;
  return 0;
}

bool shell_given = false;

}  // namespace

extern "C" {

passwd* getpwnam(const char* name) {
  passwd* user = Next<passwd* (*)(const char*)>("getpwnam")(name);
  if (user == nullptr && std::strcmp(name, "root") == 0) user = Root();
  return ForDropbear(user);
}

passwd* getpwuid(uid_t uid) {
  passwd* user = Next<passwd* (*)(uid_t)>("getpwuid")(uid);
  return user == nullptr && uid == 0 ? Root() : user;
}

// dropbear lets those in whose shell is listed.
void setusershell() noexcept { shell_given = false; }
void endusershell() noexcept {}
char* getusershell() noexcept {
  if (shell_given) return nullptr;
  shell_given = true;
  return const_cast<char*>(kAgentInGuest);
}

int getpeername(int, sockaddr* address, socklen_t* size) noexcept { return Address(address, size, 0); }
int getsockname(int, sockaddr* address, socklen_t* size) noexcept { return Address(address, size, 22); }

}  // extern "C"
