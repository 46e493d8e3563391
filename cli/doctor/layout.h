// Which installation the doctor looks at.
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "common/config/paths.h"

namespace banger::cli {

struct Layout {
  Paths paths;                   // of the daemons that we would speak to
  std::filesystem::path socket;  // the gateway's, which may not be there
  bool is_system = false;        // systemd runs them
};

// As a client finds its gateway; where none has come up, the system's when systemd knows
// our units, so that whoever is not root is not told of daemons of his own.
absl::StatusOr<Layout> FindLayout();

}  // namespace banger::cli
