#include "services/agent/core/user_database.h"

#include <limits>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"

namespace banger::agent {
namespace {

using Fields = std::vector<std::string>;

// The highest number means "leave as it is" to the kernel.
std::optional<std::uint32_t> ParseId(absl::string_view text) {
  std::uint32_t id = 0;
  if (text.empty() || text[0] == '+' || !absl::SimpleAtoi(text, &id)) return std::nullopt;
  if (id == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return id;
}

// The first line whose field `index` is `value`, with at least `size` fields.
std::optional<Fields> FindLine(absl::string_view file, std::size_t index, absl::string_view value,
                               std::size_t size) {
  for (const absl::string_view line : absl::StrSplit(file, '\n')) {
    Fields fields = absl::StrSplit(line, ':');
    if (fields.size() >= size && fields[index] == value) return fields;
  }
  return std::nullopt;
}

absl::StatusOr<User> FindUser(const std::string& name, absl::string_view passwd) {
  const std::optional<std::uint32_t> number = ParseId(name);
  std::optional<Fields> line = FindLine(passwd, 0, name, 7);
  if (!line.has_value() && number.has_value()) line = FindLine(passwd, 2, absl::StrCat(*number), 7);
  if (!line.has_value()) {
    if (!number.has_value())
      return absl::NotFoundError(absl::StrCat("user '", name, "' is not in /etc/passwd"));
    return User{.name = {}, .uid = *number, .gid = 0, .supplementary = {}};
  }
  const auto uid = ParseId((*line)[2]);
  const auto gid = ParseId((*line)[3]);
  if (!uid.has_value() || !gid.has_value())
    return absl::NotFoundError(absl::StrCat("user '", name, "' has no valid numbers in /etc/passwd"));
  User user{.name = (*line)[0], .uid = *uid, .gid = *gid, .supplementary = {}};
  if (!(*line)[5].empty()) user.home = (*line)[5];
  if (!(*line)[6].empty()) user.shell = (*line)[6];
  return user;
}

absl::StatusOr<gid_t> FindGroup(const std::string& name, absl::string_view group) {
  const std::optional<Fields> line = FindLine(group, 0, name, 3);
  const std::optional<std::uint32_t> gid = ParseId(line.has_value() ? (*line)[2] : name);
  if (!gid.has_value()) return absl::NotFoundError(absl::StrCat("group '", name, "' is not in /etc/group"));
  return *gid;
}

std::vector<gid_t> GroupsOf(const std::string& user, absl::string_view group) {
  std::vector<gid_t> groups;
  for (const absl::string_view line : absl::StrSplit(group, '\n')) {
    const Fields fields = absl::StrSplit(line, ':');
    if (fields.size() < 4) continue;
    const std::optional<std::uint32_t> gid = ParseId(fields[2]);
    const Fields members = absl::StrSplit(fields[3], ',');
    for (const std::string& member : members) {
      if (member == user && gid.has_value()) groups.push_back(*gid);
    }
  }
  return groups;
}

}  // namespace

absl::StatusOr<User> ResolveUser(const std::string& spec, absl::string_view passwd, absl::string_view group) {
  const std::size_t colon = spec.find(':');
  const std::string name = spec.substr(0, colon);
  if (name.empty() && !spec.empty())
    return absl::InvalidArgumentError(absl::StrCat("user '", spec, "' has no name before the colon"));
  BANGER_ASSIGN_OR_RETURN(User user, FindUser(name.empty() ? "0" : name, passwd));
  if (colon != std::string::npos) {
    BANGER_ASSIGN_OR_RETURN(user.gid, FindGroup(spec.substr(colon + 1), group));
  } else if (!user.name.empty()) {
    user.supplementary = GroupsOf(user.name, group);
  }
  return user;
}

}  // namespace banger::agent
