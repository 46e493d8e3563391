#include "services/agent/adapters/guest_tools.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/os/exec_vector.h"
#include "services/agent/core/guest_paths.h"

namespace banger::agent {
std::vector<std::string> GuestTool(const std::string& name, const std::vector<std::string>& arguments) {
  const std::string tools = kToolsInGuest;
  std::vector<std::string> argv = {tools + "/ld.so",
                                   "--inhibit-cache",
                                   "--library-path",
                                   tools,
                                   "--preload",
                                   tools + "/accounts.so",
                                   "--argv0",
                                   name,
                                   absl::StrCat(tools, "/", name)};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

void Execute(const std::string& program, const std::vector<std::string>& argv,
             const std::vector<std::string>& env) {
  ::execve(program.c_str(), ExecVector(argv).data(), ExecVector(env).data());
}

}  // namespace banger::agent
