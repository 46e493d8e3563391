#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/client.h"

namespace banger::cli {

// git in a guest, on one repository there. What it answers is the guest's word.
class GuestGit {
 public:
  using Sink = std::function<absl::Status(absl::string_view)>;

  // The client outlives it.
  GuestGit(Client& client, std::string vm, std::string directory)
      : client_(client), vm_(std::move(vm)), directory_(std::move(directory)) {}

  // git ARGS...: its stdout goes to `sink`, if any. With an index of our own when `index` is not
  // empty. What git warns of is told to the user. FAILED_PRECONDITION with git's own
  // words when it fails, or is not there.
  absl::Status Run(const std::vector<std::string>& arguments, const std::string& index,
                   const Sink& sink = {});

  // The same, without the space at the end; at most 64 KiB.
  absl::StatusOr<std::string> Ask(const std::vector<std::string>& arguments);

  const std::string& directory() const { return directory_; }

 private:
  Client& client_;
  const std::string vm_;
  const std::string directory_;
};

}  // namespace banger::cli
