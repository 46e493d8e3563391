// What an image says about running commands in it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/agent/core/environment.h"

namespace banger::agent {

struct ExecDefaults {
  Environment env;
  std::string working_dir;
  std::string user;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
};

// The image's Entrypoint with `arguments`, or with its Cmd when there are none: as
// "docker run" does. FAILED_PRECONDITION when nothing comes of it that could be run.
absl::StatusOr<std::vector<std::string>> EntrypointWith(const std::vector<std::string>& arguments,
                                                        const ExecDefaults& image);

}  // namespace banger::agent
