// The agent as the login shell of ssh sessions.
#pragma once

#include <string>

namespace banger::agent {

// Users of images often have a shell that lets nobody in, or one that the image does
// not have: then it is /bin/sh.
std::string UsableShell(const std::string& shell);

// Whether we are called as dropbear calls a shell: "-agent", or "agent -c COMMAND".
bool CalledAsShell(int argc, char** argv);

// Becomes the user's own shell in the user's home, or sftp-server. Comes back with the
// exit code of a shell (126, 127) when it cannot, which it says on stderr.
int BecomeLoginShell(int argc, char** argv);

}  // namespace banger::agent
