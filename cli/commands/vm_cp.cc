#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/copy/copy.h"
#include "cli/errors.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

// "web:/etc/hosts".
struct GuestPath {
  std::string vm;
  std::string path;
};

// Nothing when it is a path of ours: one that has a '/' before its first colon, or none.
std::optional<GuestPath> ParseGuestPath(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || text.find('/') < colon) return std::nullopt;
  return GuestPath{text.substr(0, colon), text.substr(colon + 1)};
}

// A guest may send any number of them.
void ShowWarnings(const std::vector<std::string>& warnings) {
  constexpr std::size_t kMaxShown = 20;
  const std::size_t shown = std::min(warnings.size(), kMaxShown);
  for (std::size_t i = 0; i < shown; ++i) Warn(OneLine(warnings[i]));
  if (warnings.size() > shown) Warn(absl::StrCat("and ", warnings.size() - shown, " more"));
}

class VmCpCommand final : public Command {
 public:
  VmCpCommand()
      : Command(
            {.path = "vm cp",
             .summary = "Copy files and directories into a VM or out of it",
             .description =
                 "One of SRC and DST is VM:PATH; a PATH without '/' before it counts from the user's home\n"
                 "directory. A local path with a colon is written ./a:b. As with docker: where DST is\n"
                 "missing SRC becomes DST; where it is a directory SRC goes into it; a file replaces a\n"
                 "file. 'DIR/.' stands for what is in DIR. '-' for SRC reads a tar from stdin into the\n"
                 "directory DST, for DST it writes one to stdout.\n"
                 "Modes, times, symbolic links, hard links and holes are kept; a link at SRC itself is\n"
                 "followed. Owners are root in the VM (see -u and -a) and you here; setuid and setgid bits\n"
                 "are dropped, but for -a into a VM. Devices, fifos and sockets are left out.\n"
                 "A file is there when it is whole; a copy that ends early leaves those that were. Here\n"
                 "nothing is written outside DST, nor through a symbolic link in it, whatever the VM sends.",
             .examples = {{"banger vm cp notes.txt web:", "into /root"},
                          {"banger vm cp web:/var/log ./logs", "a directory out of it"},
                          {"banger vm cp -u app site/. web:/srv/www", "what is in site, for the user app"},
                          {"tar c . | banger vm cp - web:/srv", "from a tar"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("SRC", source_, "what to copy").complete = Names::kVmPaths;
    flags.Argument("DST", destination_, "where to").complete = Names::kVmPaths;
    flags.Text("-u,--user", "USER", options_.user,
               "who owns it in the VM, as USER or USER:GROUP; default: root");
    flags.Switch("-a,--archive", options_.keep_owners,
                 "keep owners by their numbers, into a VM also setuid bits; out of one only root can");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const auto from = ParseGuestPath(source_);
    const auto to = ParseGuestPath(destination_);
    if (from.has_value() == to.has_value()) return UsageError("vm cp: exactly one of SRC and DST is VM:PATH");
    if (source_.empty() || destination_.empty()) return UsageError("vm cp: SRC or DST is empty");
    const std::string what = absl::StrCat("copy '", source_, "' to '", destination_, "'");
    if (destination_ == "-" && ::isatty(STDOUT_FILENO) == 1)
      return UsageError(absl::StrCat(what, ": a tar is no text for a terminal; give a pipe"));
    options_.what = what;
    const absl::StatusOr<Copied> copied =
        to.has_value() ? CopyToGuest(context.client, source_, to->vm, to->path, options_)
                       : CopyFromGuest(context.client, from->vm, from->path, destination_, options_);
    if (!copied.ok()) return Annotate(copied.status(), what);
    ShowWarnings(copied->warnings);
    if (destination_ != "-")
      Note(absl::StrCat("copied ", copied->files, copied->files == 1 ? " file, " : " files, ",
                        HumanSize(copied->bytes)));
    return kExitOk;
  }

 private:
  std::string source_;
  std::string destination_;
  CopyOptions options_;
};

}  // namespace

std::unique_ptr<Command> VmCp() { return std::make_unique<VmCpCommand>(); }

}  // namespace banger::cli
