// How failures reach the user: three short lines at most on stderr, and the
// exit code.
//
//   banger: start vm 'web': kernel 'x' not found (KERNEL_NOT_FOUND)
//   hint: list kernels with 'banger kernel list'
//   request: 5c1d0c9e8a1f4b02
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger::cli {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitNotFound = 3;
constexpr int kExitUnreachable = 4;
constexpr int kExitInterrupted = 130;
// As a program that SIGPIPE ended: whoever read our output has gone.
constexpr int kExitBrokenPipe = 141;

// The command line was wrong; nothing was asked of any daemon.
absl::Status UsageError(absl::string_view message);

// The gateway's socket is not for this user.
absl::Status GatewayForbidden(absl::string_view message);

// Nobody reads our stdout any more.
absl::Status BrokenPipe();

// Adds to an interruption that it left nothing behind; other errors stay.
absl::Status NothingKept(const absl::Status& status);

int ExitCodeOf(const absl::Status& status);

// What helps against the error; empty when nothing is known.
std::string HintFor(const absl::Status& status);

// The lines with their ends. `request_id` stands for one that the error does not
// carry itself; may be empty. Empty for an error that is told by the exit code
// alone.
std::string FormatError(const absl::Status& status, const std::string& request_id, bool color);

}  // namespace banger::cli
