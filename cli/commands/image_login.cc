#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/output/streams.h"
#include "cli/registry/logins.h"
#include "cli/registry/ping.h"
#include "cli/registry/secret.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class ImageLoginCommand final : public Command {
 public:
  ImageLoginCommand()
      : Command(
            {.path = "image login",
             .summary = "Log in to a registry",
             .description =
                 "Tries the login and keeps it in the Docker config file, or in the credential helper that\n"
                 "this file names; docker, podman and skopeo use the same. No daemon is asked. Without\n"
                 "--password-stdin the password is asked for at the terminal.",
             .examples = {{"banger image login docker.io -u me", "asks for the password"},
                          {"pass show reg | banger image login 127.0.0.1:5000 -u me --password-stdin",
                           "from a password store"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("REGISTRY", registry_, "its host, with the port if it has one");
    flags.Text("-u,--username", "NAME", login_.username, "who logs in").required = true;
    flags.Switch("--password-stdin", from_stdin_, "read the password from stdin");
    flags.Text("--auth-file", "FILE", auth_file_,
               "the file to keep it in, instead of the Docker config file");
    flags.Switch("--insecure", insecure_, "also plain http, and certificates that nobody vouches for");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("log in to '", registry_, "'");
    BANGER_RETURN_IF_ERROR(CheckRegistryName(registry_));
    if (login_.username.find(':') != std::string::npos)
      return UsageError(what + ": a user's name has no ':'");
    const std::stop_token& stop = context.client.stop();
    const absl::StatusOr<std::string> password =
        from_stdin_ ? ReadSecretFromStdin(stop)
                    : PromptSecret(absl::StrCat("Password for ", login_.username, ": "), stop);
    if (!password.ok()) return Annotate(password.status(), what);
    if (password->empty()) return UsageError(what + ": the password is empty");
    login_.password = *password;
    if (const absl::Status status = PingRegistry(registry_, login_, insecure_, stop); !status.ok())
      return Annotate(status, what);
    const absl::StatusOr<std::string> place = KeepLogin(registry_, login_, auth_file_, stop);
    if (!place.ok()) return Annotate(place.status(), what);
    Note(absl::StrCat("logged in to '", registry_, "' as ", login_.username, "; kept in ", *place));
    return kExitOk;
  }

 private:
  std::string registry_;
  oci::Credentials login_;
  bool from_stdin_ = false;
  std::string auth_file_;
  bool insecure_ = false;
};

class ImageLogoutCommand final : public Command {
 public:
  ImageLogoutCommand()
      : Command({.path = "image logout",
                 .summary = "Forget the login for a registry",
                 .examples = {{"banger image logout docker.io", "also fine when there is none"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("REGISTRY", registry_, "its host, with the port if it has one");
    flags.Text("--auth-file", "FILE", auth_file_,
               "the file that it is in, instead of the Docker config file");
  }

  absl::StatusOr<int> Run(Context& context) override {
    BANGER_RETURN_IF_ERROR(CheckRegistryName(registry_));
    const absl::StatusOr<bool> forgotten = ForgetLogin(registry_, auth_file_, context.client.stop());
    if (!forgotten.ok()) return Annotate(forgotten.status(), absl::StrCat("log out of '", registry_, "'"));
    Note(absl::StrCat(*forgotten ? "logged out of '" : "there was no login for '", registry_, "'"));
    return kExitOk;
  }

 private:
  std::string registry_;
  std::string auth_file_;
};

}  // namespace

std::unique_ptr<Command> ImageLogin() { return std::make_unique<ImageLoginCommand>(); }
std::unique_ptr<Command> ImageLogout() { return std::make_unique<ImageLogoutCommand>(); }

}  // namespace banger::cli
