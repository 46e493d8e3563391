#include "services/agent/adapters/guest_tools.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "services/agent/core/guest_paths.h"

namespace banger::agent {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

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
  ::execve(program.c_str(), Pointers(argv).data(), Pointers(env).data());
}

}  // namespace banger::agent
