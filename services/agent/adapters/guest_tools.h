// The programs beside the agent on its disk (dropbear, sftp-server). They bring their
// own loader and libraries, so they run in any image.
#pragma once

#include <string>
#include <vector>

namespace banger::agent {

// The argv that runs the tool `name`.
std::vector<std::string> GuestTool(const std::string& name, const std::vector<std::string>& arguments);

// execve(2); comes back only when it failed, with errno set.
void Execute(const std::string& program, const std::vector<std::string>& argv,
             const std::vector<std::string>& env);

}  // namespace banger::agent
