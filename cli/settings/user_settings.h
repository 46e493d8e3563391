// What the user brings along into each VM that he starts: the files of [[file_sync]],
// and who he is to git. Read here with his own rights; no daemon sees his home.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/client.h"

namespace banger::cli {

struct GitIdentity {
  std::string name;
  std::string email;
};

struct UserSettings {
  struct File {
    std::string host;
    std::string guest;
    std::string content;
    unsigned mode = 0600;
  };
  std::vector<File> files;
  std::optional<GitIdentity> git;

  bool empty() const { return files.empty() && !git.has_value(); }
};

// INVALID_ARGUMENT for a wrong configuration. A file that is not there, cannot be
// read or has more than 1 MiB is left out with a warning that names it.
absl::StatusOr<UserSettings> ReadUserSettings(const std::stop_token& stop);

// Writes them into a VM that runs. What cannot be written is a warning.
void SendUserSettings(Client& client, const std::string& vm, const UserSettings& settings);

// A git configuration file, with the identity in a part of its own that replaces an
// earlier one; the rest stays.
std::string WithGitIdentity(const std::string& file, const GitIdentity& identity);

}  // namespace banger::cli
