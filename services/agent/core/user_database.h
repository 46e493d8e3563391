// Users and groups as /etc/passwd and /etc/group have them. The agent is a
// static program, so it cannot ask the image's name services.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::agent {

// What a command runs as.
struct User {
  std::string name;  // empty when only the number is known
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> supplementary;
  std::string home = "/";
  std::string shell = "/bin/sh";
};

// `spec` is "name", "uid", "name:group" or "uid:gid"; empty is uid 0. `passwd`
// and `group` are the files' contents; odd lines in them are skipped. A number
// needs no entry; a name that has none is NOT_FOUND. An explicit group replaces
// the user's own and leaves no supplementary ones.
absl::StatusOr<User> ResolveUser(const std::string& spec, absl::string_view passwd, absl::string_view group);

}  // namespace banger::agent
