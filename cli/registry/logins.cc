#include "cli/registry/logins.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/registry/credential_helper.h"
#include "cli/registry/docker_config.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

absl::StatusOr<std::optional<oci::Credentials>> FindIn(const DockerConfig& config,
                                                       const std::string& registry,
                                                       const std::stop_token& stop) {
  if (const std::string name = config.HelperFor(registry); !name.empty()) {
    BANGER_ASSIGN_OR_RETURN(const CredentialHelper helper, CredentialHelper::Create(name));
    BANGER_ASSIGN_OR_RETURN(std::optional<oci::Credentials> login, helper.Get(ServerKey(registry), stop));
    if (login) return login;
  }
  return config.Find(registry);
}

absl::StatusOr<std::filesystem::path> FileToChange(const std::string& auth_file) {
  const std::vector<std::filesystem::path> files = AuthFiles(auth_file);
  if (files.empty())
    return absl::FailedPreconditionError("there is no HOME to keep logins in; give --auth-file");
  return files.front();
}

}  // namespace

absl::StatusOr<oci::Credentials> FindLogin(const std::string& registry, const std::string& auth_file,
                                           const std::stop_token& stop) {
  if (!auth_file.empty() && !std::filesystem::exists(auth_file))
    return absl::NotFoundError(absl::StrCat("the auth file '", auth_file, "' is not there"));
  for (const std::filesystem::path& file : AuthFiles(auth_file)) {
    BANGER_ASSIGN_OR_RETURN(const DockerConfig config, DockerConfig::Load(file));
    absl::StatusOr<std::optional<oci::Credentials>> login = FindIn(config, registry, stop);
    if (!login.ok()) return Annotate(login.status(), absl::StrCat("look for a login for '", registry, "'"));
    if (*login) return **std::move(login);
  }
  return oci::Credentials();
}

absl::StatusOr<std::string> KeepLogin(const std::string& registry, const oci::Credentials& login,
                                      const std::string& auth_file, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path file, FileToChange(auth_file));
  BANGER_ASSIGN_OR_RETURN(DockerConfig config, DockerConfig::Load(file));
  if (const std::string name = config.HelperFor(registry); !name.empty()) {
    BANGER_ASSIGN_OR_RETURN(const CredentialHelper helper, CredentialHelper::Create(name));
    BANGER_RETURN_IF_ERROR(helper.Store(ServerKey(registry), login, stop));
    return absl::StrCat("docker-credential-", name);
  }
  config.Set(registry, login);
  BANGER_RETURN_IF_ERROR(config.Save());
  return file.string();
}

absl::StatusOr<bool> ForgetLogin(const std::string& registry, const std::string& auth_file,
                                 const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path file, FileToChange(auth_file));
  BANGER_ASSIGN_OR_RETURN(DockerConfig config, DockerConfig::Load(file));
  bool forgotten = false;
  if (const std::string name = config.HelperFor(registry); !name.empty()) {
    BANGER_ASSIGN_OR_RETURN(const CredentialHelper helper, CredentialHelper::Create(name));
    BANGER_ASSIGN_OR_RETURN(const std::optional<oci::Credentials> login,
                            helper.Get(ServerKey(registry), stop));
    if (login) BANGER_RETURN_IF_ERROR(helper.Erase(ServerKey(registry), stop));
    forgotten = login.has_value();
  }
  if (config.Remove(registry)) {
    BANGER_RETURN_IF_ERROR(config.Save());
    forgotten = true;
  }
  return forgotten;
}

}  // namespace banger::cli
