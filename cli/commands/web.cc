#include "cli/commands/web.h"

#include "absl/strings/str_cat.h"
#include "banger/system/v1/console_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/errors.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class WebCommand final : public Command {
 public:
  WebCommand()
      : Command({.path = "web",
                 .summary = "Print the URL that opens the web console",
                 .description =
                     "It opens the console once, as you and with your role: give it to nobody, not\n"
                     "even to a command as an argument, which others of this host can see.\n"
                     "The console is served on the gateway's host only, where web_listen_addr is\n"
                     "configured. From another host, first: ssh -L 7480:127.0.0.1:7480 HOST",
                 .examples = {{"banger web", "open what it prints in a browser"}}}) {}

  void Declare(Flags&) override {}

  absl::StatusOr<int> Run(Context& context) override {
    const auto login = context.client.Unary(&system::v1::ConsoleService::Stub::CreateConsoleLogin,
                                            system::v1::CreateConsoleLoginRequest());
    if (!login.ok()) return Annotate(login.status(), "log in to the web console");
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(OneLine(login->url()), "\n")));
    return kExitOk;
  }
};

}  // namespace

std::unique_ptr<Command> Web() { return std::make_unique<WebCommand>(); }

}  // namespace banger::cli
