#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/commands/context.h"
#include "cli/errors.h"
#include "cli/output/streams.h"
#include "cli/remote/address.h"
#include "cli/remote/certificate.h"
#include "cli/remote/contexts.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/status/utf8.h"

namespace banger::cli {
namespace {

bool IsName(const std::string& name) {
  const auto fits = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= 63 && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), fits);
}

class ContextAddCommand final : public Command {
 public:
  ContextAddCommand()
      : Command(
            {.path = "context add",
             .summary = "Know the gateway of another host by a name",
             .description =
                 "The three files are PEM; whoever runs that gateway gives them to you. They stay where\n"
                 "they are and are read for each command, so a certificate is renewed by replacing its\n"
                 "files. Nothing is sent to the gateway yet.",
             .examples = {{"banger context add lab --address lab:7443 --ca ca.pem --cert me.pem --key me.key",
                           "then: banger --context lab vm list"},
                          {"banger context use lab", "for all commands from now on"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("NAME", remote_.name, "a name for it, of a-z 0-9 -");
    flags.Text("--address", "HOST:PORT", remote_.address, "where it listens; [ADDRESS]:PORT for IPv6")
        .required = true;
    flags.Text("--ca", "FILE", remote_.ca, "the authority of its certificate").required = true;
    flags.Text("--cert", "FILE", remote_.cert, "your certificate").required = true;
    flags.Text("--key", "FILE", remote_.key, "the key of your certificate").required = true;
  }

  absl::StatusOr<int> Run(Context&) override {
    if (!IsName(remote_.name) || remote_.name == kLocalContext)
      return UsageError(
          absl::StrCat("context add: '", remote_.name,
                       remote_.name == kLocalContext
                           ? "' is this host's own gateway"
                           : "' is no name of 1 to 63 of a-z 0-9 -, with a letter or digit first"));
    if (!ParseAddress(remote_.address).has_value())
      return UsageError(absl::StrCat("context add: '", remote_.address, "' is no HOST:PORT"));
    const absl::Status added = Add();
    if (!added.ok()) return Annotate(added, absl::StrCat("add context '", remote_.name, "'"));
    Note(absl::StrCat("context '", remote_.name, "' is there; 'banger context use ", remote_.name,
                      "' makes it the current one"));
    return kExitOk;
  }

 private:
  absl::Status Add() {
    for (std::string* file : {&remote_.ca, &remote_.cert, &remote_.key}) {
      std::error_code error;
      const std::string absolute = std::filesystem::absolute(*file, error).string();
      if (error) return ErrnoError(error.value(), absl::StrCat("find '", *file, "'"));
      if (!IsUtf8(absolute))
        return UsageError(absl::StrCat("'", ValidUtf8(absolute), "' is no UTF-8, as contexts are kept in"));
      *file = absolute;
    }
    BANGER_RETURN_IF_ERROR(ReadClientFiles(remote_).status());
    return UpdateContexts([this](Contexts& contexts) -> absl::Status {
      if (contexts.Find(remote_.name) != nullptr)
        return ApiError(absl::StatusCode::kAlreadyExists, "CONTEXT_EXISTS", "it is there already",
                        {{"context", remote_.name}});
      contexts.remotes.push_back(remote_);
      return absl::OkStatus();
    });
  }

  RemoteContext remote_;
};

}  // namespace

std::unique_ptr<Command> ContextAdd() { return std::make_unique<ContextAddCommand>(); }

}  // namespace banger::cli
