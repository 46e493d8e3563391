// banger-confine: executes a VMM that has given up all but what it needs.
//
//   banger-confine [--cgroup PATH] {--read|--write|--own|--execute PATH}... -- PROGRAM ARGS...
//
// See adapters/confinement.h. 126: it could not be confined; 127: not executed.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "services/vmd/adapters/confinement.h"

namespace banger::vmd {
namespace {

int Main(const std::vector<std::string>& command) {
  absl::StatusOr<Confined> confined = ParseConfinedCommand(command);
  const absl::Status done = confined.ok() ? ConfineSelf(*confined) : confined.status();
  if (!done.ok()) {
    std::fprintf(stderr, "banger-confine: %s\n", std::string(done.message()).c_str());
    return 126;
  }
  std::vector<char*> arguments;
  for (std::string& argument : confined->argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  std::fprintf(stderr, "banger-confine: execute '%s': %s\n", arguments[0], std::strerror(errno));
  return 127;
}

}  // namespace
}  // namespace banger::vmd

int main(int argc, char** argv) { return banger::vmd::Main({argv, argv + argc}); }
