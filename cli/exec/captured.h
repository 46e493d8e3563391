#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/client.h"

namespace banger::cli {

// A command of root's in /, without stdin.
struct CapturedCommand {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "KEY=value"
  std::chrono::milliseconds timeout = kForever;
};

struct CapturedExec {
  int exit_code = 0;
  std::string err;  // the last 4 KiB
};

// Runs it in a VM and gives its stdout to `sink`, if any, whose first error ends it.
absl::StatusOr<CapturedExec> RunCaptured(Client& client, const std::string& vm,
                                         const CapturedCommand& command,
                                         const std::function<absl::Status(absl::string_view)>& sink = {});

}  // namespace banger::cli
