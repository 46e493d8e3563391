#include "services/agent/core/ssh.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/agent/core/guest_paths.h"

namespace banger::agent {
namespace {

constexpr char kDisguise[] = "BANGER_ENV_";
constexpr char kOwn[] = "BANGER_SSH_";
constexpr std::size_t kMaxKey = 16 << 10;

template <typename Allowed>
bool All(absl::string_view text, Allowed allowed) {
  return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace

absl::StatusOr<std::string> AuthorizedKey(absl::string_view key) {
  const std::size_t blank = key.find(' ');
  const bool valid =
      blank != absl::string_view::npos && key.size() <= kMaxKey &&
      All(key.substr(0, blank),
          [](char c) {
            return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '@' || c == '.';
          }) &&
      All(key.substr(blank + 1), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/' || c == '=';
      });
  if (!valid) return absl::InvalidArgumentError("the public key is not of the form 'TYPE BASE64'");
  return absl::StrCat(key, "\n");
}

Environment Disguise(const Environment& image) {
  Environment disguised = WithoutIdentity(image);
  for (std::string& entry : disguised) entry.insert(0, kDisguise);
  return disguised;
}

Environment LoginEnvironment(const Environment& given) {
  std::map<std::string, std::string> values;
  const auto set = [&values](absl::string_view entry) {
    const std::size_t equals = entry.find('=');
    if (equals != absl::string_view::npos)
      values[std::string(entry.substr(0, equals))] = std::string(entry.substr(equals + 1));
  };
  for (const std::string& entry : given)
    if (!absl::StartsWith(entry, kDisguise) && !absl::StartsWith(entry, kOwn)) set(entry);
  for (const std::string& entry : given) {
    absl::string_view image = entry;
    if (!absl::ConsumePrefix(&image, kDisguise)) continue;
    const std::string key(image.substr(0, image.find('=')));
    // PATH is the only one that dropbear makes up by itself.
    if (key == "PATH" || !values.contains(key)) set(image);
  }
  values["HOME"] = Lookup(given, kSshHome);
  values["SHELL"] = Lookup(given, kSshShell);
  Environment login;
  for (const auto& [key, value] : values) login.push_back(absl::StrCat(key, "=", value));
  return login;
}

}  // namespace banger::agent
