// The Docker config file: logins for registries, of this user.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/oci/registry_auth.h"

namespace banger::cli {

// One file. Whatever else stands in it stays as it is. Not thread-safe.
class DockerConfig {
 public:
  // An empty one when there is no file. FAILED_PRECONDITION, naming the file, for
  // what is no JSON object.
  static absl::StatusOr<DockerConfig> Load(const std::filesystem::path& path);

  // The program that keeps the registry's login instead of this file; may be empty.
  std::string HelperFor(const std::string& registry) const;

  // What stands in the file itself.
  absl::StatusOr<std::optional<oci::Credentials>> Find(const std::string& registry) const;

  void Set(const std::string& registry, const oci::Credentials& login);
  // False when there was none.
  bool Remove(const std::string& registry);

  // As a whole, for nobody else to read; makes its directory.
  absl::Status Save() const;

  const std::filesystem::path& path() const { return path_; }

 private:
  using Json = nlohmann::ordered_json;

  DockerConfig(std::filesystem::path path, Json content)
      : path_(std::move(path)), content_(std::move(content)) {}

  std::filesystem::path path_;
  Json content_;
};

// What credential helpers and config files call the registry.
std::string ServerKey(const std::string& registry);

// The files in which a login may be, in order: `auth_file` alone when it is given,
// else REGISTRY_AUTH_FILE, then DOCKER_CONFIG or ~/.docker, then those of podman
// and skopeo.
std::vector<std::filesystem::path> AuthFiles(const std::string& auth_file);

}  // namespace banger::cli
