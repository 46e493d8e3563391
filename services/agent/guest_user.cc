#include "services/agent/guest_user.h"

#include "common/os/file.h"

namespace banger::agent {
namespace {

std::string ReadOrEmpty(const char* path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  return text.ok() ? *std::move(text) : "";
}

}  // namespace

absl::StatusOr<User> FindGuestUser(const std::string& spec) {
  return ResolveUser(spec, ReadOrEmpty("/etc/passwd"), ReadOrEmpty("/etc/group"));
}

}  // namespace banger::agent
