#include "cli/registry/docker_config.h"

#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kHubKey[] = "https://index.docker.io/v1/";
constexpr int kMaxDepth = 100;

std::string Text(const Json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// Old files have addresses where new ones have hosts. Keys with another path are
// for a part of a registry only, and none of ours.
std::string HostOfKey(absl::string_view key) {
  if (!absl::ConsumePrefix(&key, "https://")) absl::ConsumePrefix(&key, "http://");
  for (const char* tail : {"/", "/v1", "/v2"}) absl::ConsumeSuffix(&key, tail);
  return std::string(key);
}

bool IsKeyOf(const std::string& key, const std::string& registry) {
  const std::string host = HostOfKey(key);
  if (registry == "docker.io" && (host == "index.docker.io" || host == "registry-1.docker.io")) return true;
  return host == registry;
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// "user:password" in base64; padded with NULs by some.
std::optional<oci::Credentials> DecodeAuth(const std::string& auth) {
  std::string plain;
  if (!absl::Base64Unescape(auth, &plain)) return std::nullopt;
  const std::size_t colon = plain.find(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  std::string password = plain.substr(colon + 1);
  password.resize(password.find_last_not_of('\0') + 1);
  return oci::Credentials{.username = plain.substr(0, colon), .password = std::move(password)};
}

}  // namespace

absl::StatusOr<DockerConfig> DockerConfig::Load(const std::filesystem::path& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, 4 << 20);
  if (absl::IsNotFound(text.status())) return DockerConfig(path, Json::object());
  BANGER_RETURN_IF_ERROR(text.status());
  bool too_deep = false;
  const auto within_depth = [&too_deep](int depth, Json::parse_event_t, const Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  Json content = Json::parse(*text, within_depth, /*allow_exceptions=*/false);
  if (too_deep || !content.is_object())
    return absl::FailedPreconditionError(absl::StrCat("'", path.string(), "' is not a JSON object"));
  return DockerConfig(path, std::move(content));
}

std::string DockerConfig::HelperFor(const std::string& registry) const {
  if (const auto helpers = content_.find("credHelpers"); helpers != content_.end() && helpers->is_object())
    for (const auto& [key, helper] : helpers->items())
      if (IsKeyOf(key, registry) && helper.is_string()) return helper.get<std::string>();
  return Text(content_, "credsStore");
}

absl::StatusOr<std::optional<oci::Credentials>> DockerConfig::Find(const std::string& registry) const {
  const auto auths = content_.find("auths");
  if (auths == content_.end() || !auths->is_object()) return std::nullopt;
  for (const auto& [key, entry] : auths->items()) {
    if (!IsKeyOf(key, registry)) continue;
    if (std::string token = Text(entry, "identitytoken"); !token.empty())
      return oci::Credentials{.identity_token = std::move(token)};
    if (const std::string auth = Text(entry, "auth"); !auth.empty()) {
      const std::optional<oci::Credentials> login = DecodeAuth(auth);
      if (login) return login;
      return absl::FailedPreconditionError(absl::StrCat("'", path_.string(), "': the login for '", registry,
                                                        "' is not base64 of user:password"));
    }
    if (std::string user = Text(entry, "username"); !user.empty())
      return oci::Credentials{.username = std::move(user), .password = Text(entry, "password")};
  }
  return std::nullopt;
}

void DockerConfig::Set(const std::string& registry, const oci::Credentials& login) {
  Remove(registry);
  if (const auto auths = content_.find("auths"); auths == content_.end() || !auths->is_object())
    content_["auths"] = Json::object();
  content_["auths"][ServerKey(registry)] = {
      {"auth", absl::Base64Escape(absl::StrCat(login.username, ":", login.password))}};
}

bool DockerConfig::Remove(const std::string& registry) {
  const auto auths = content_.find("auths");
  if (auths == content_.end() || !auths->is_object()) return false;
  std::vector<std::string> keys;
  for (const auto& [key, entry] : auths->items())
    if (IsKeyOf(key, registry)) keys.push_back(key);
  for (const std::string& key : keys) auths->erase(key);
  return !keys.empty();
}

absl::Status DockerConfig::Save() const {
  // Through a symlink, as whoever made it wants.
  std::error_code error;
  std::filesystem::path target = std::filesystem::canonical(path_, error);
  if (error) target = path_;
  if (target.has_parent_path()) BANGER_RETURN_IF_ERROR(MakeDirectories(target.parent_path()));
  return WriteFileAtomically(target, content_.dump(1, '\t', false, Json::error_handler_t::replace) + "\n",
                             0600);
}

std::string ServerKey(const std::string& registry) { return registry == "docker.io" ? kHubKey : registry; }

std::vector<std::filesystem::path> AuthFiles(const std::string& auth_file) {
  if (!auth_file.empty()) return {auth_file};
  std::vector<std::filesystem::path> files;
  const std::string home = Environment("HOME");
  if (const std::string file = Environment("REGISTRY_AUTH_FILE"); !file.empty()) files.push_back(file);
  if (const std::string directory = Environment("DOCKER_CONFIG"); !directory.empty()) {
    files.push_back(std::filesystem::path(directory) / "config.json");
  } else if (!home.empty()) {
    files.push_back(std::filesystem::path(home) / ".docker/config.json");
  }
  if (const std::string run = Environment("XDG_RUNTIME_DIR"); !run.empty())
    files.push_back(std::filesystem::path(run) / "containers/auth.json");
  if (!home.empty()) files.push_back(std::filesystem::path(home) / ".config/containers/auth.json");
  return files;
}

}  // namespace banger::cli
