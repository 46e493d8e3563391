#include "cli/registry/credential_helper.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/subprocess.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/sync/deadline_stop.h"

namespace banger::cli {
namespace {

using nlohmann::json;

// A helper may ask the user to unlock a keyring.
constexpr std::chrono::minutes kTimeout{2};

std::string Text(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

absl::StatusOr<CredentialHelper> CredentialHelper::Create(const std::string& name) {
  const bool fine =
      !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
      });
  if (!fine) return absl::InvalidArgumentError("the name of a credential helper is not a-z A-Z 0-9 - _ .");
  return CredentialHelper(absl::StrCat("docker-credential-", name));
}

absl::StatusOr<std::optional<oci::Credentials>> CredentialHelper::Get(const std::string& server,
                                                                      const std::stop_token& stop) const {
  BANGER_ASSIGN_OR_RETURN(const Answer answer, Run("get", server, stop));
  if (!answer.known) return std::nullopt;
  const json found = json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
  if (!found.is_object()) return absl::DataLossError(absl::StrCat(program_, " get: gives no JSON object"));
  oci::Credentials login{.username = Text(found, "Username"), .password = Text(found, "Secret")};
  if (login.username == "<token>") return oci::Credentials{.identity_token = std::move(login.password)};
  return login;
}

absl::Status CredentialHelper::Store(const std::string& server, const oci::Credentials& login,
                                     const std::stop_token& stop) const {
  const json entry = {{"ServerURL", server}, {"Username", login.username}, {"Secret", login.password}};
  return Run("store", entry.dump(-1, ' ', false, json::error_handler_t::replace), stop).status();
}

absl::Status CredentialHelper::Erase(const std::string& server, const std::stop_token& stop) const {
  return Run("erase", server, stop).status();
}

absl::StatusOr<CredentialHelper::Answer> CredentialHelper::Run(const std::string& verb,
                                                               const std::string& input,
                                                               const std::stop_token& stop) const {
  const DeadlineStop limit(kTimeout, stop);
  const absl::StatusOr<CommandResult> result = RunCommand({.argv = {program_, verb}}, input, limit.token());
  if (absl::IsCancelled(result.status()) && !stop.stop_requested())
    return absl::DeadlineExceededError(absl::StrCat(program_, " ", verb, ": does not answer"));
  if (!result.ok()) return Annotate(result.status(), absl::StrCat("run ", program_));
  if (result->status.success()) return Answer{true, result->out};
  // The only thing of its output that is looked at: it could be secret.
  if (absl::StrContains(result->out, "credentials not found")) return Answer{};
  return absl::InternalError(absl::StrCat(program_, " ", verb, ": ", result->status.ToString()));
}

}  // namespace banger::cli
