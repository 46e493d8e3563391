#include "tests/e2e/docs_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;

// OpenSSH looks for its configuration in the home that the user database names, not
// in HOME, and the user's real home is none of a test's business.
std::string WithOwnSshConfig(const std::string& program) {
  return absl::StrCat("case \" $* \" in *' -F '*) exec /usr/bin/", program, " \"$@\" ;; esac\n",
                      "touch -a \"$HOME/.ssh/config\"\nexec /usr/bin/", program,
                      " -F \"$HOME/.ssh/config\" \"$@\"\n");
}

}  // namespace

DocsReader::DocsReader(fs::path banger_root)
    : home_(*TempDir::Create("/tmp")), banger_root_(std::move(banger_root)) {
  fs::create_directories(home_.path() / ".ssh");
  EXPECT_OK(WriteFileAtomically(home_.path() / ".gitconfig",
                                "[user]\nname = Reader\nemail = reader@example.org\n"
                                "[init]\ndefaultBranch = main\n"));
  for (const char* program : {"ssh", "scp", "sftp"})
    Program(home_.path() / "bin" / program, WithOwnSshConfig(program));
  // Pages speak of scripts from the checkout; what they make is to lie here.
  for (const fs::directory_entry& script : fs::directory_iterator(BANGER_SOURCE_DIR "/scripts"))
    if (script.is_regular_file())
      Program(home_.path() / "scripts" / script.path().filename(),
              absl::StrCat("exec ", script.path().string(), " \"$@\"\n"));
}

void DocsReader::Program(const fs::path& path, const std::string& script) const {
  EXPECT_OK(MakeDirectories(path.parent_path(), 0755));
  EXPECT_OK(WriteFileAtomically(path, absl::StrCat("#!/bin/sh\n", script), 0755));
}

std::string DocsReader::Script(const docs::Block& block) const {
  std::string script = "set -euo pipefail\n";
  for (const std::string& before : block.marks.before) absl::StrAppend(&script, before, "\n");
  return absl::StrCat(script, "set -x\n",
                      absl::StrReplaceAll(absl::StrJoin(block.lines, "\n"), block.marks.replaced), "\n");
}

CommandResult DocsReader::Type(const docs::Block& block) const {
  const fs::path build = BANGER_BUILD_DIR;
  const std::vector<std::string> environment = {
      absl::StrCat("HOME=", home_.path().string()),
      absl::StrCat("PATH=", (home_.path() / "bin").string(), ":", (build / "bin").string(),
                   ":/usr/sbin:/usr/bin:/sbin:/bin"),
      absl::StrCat("BANGER_ROOT=", banger_root_.string()),
      // For scripts/dev: the build under test.
      absl::StrCat("PRESET=", build.filename().string()), "LANG=C.UTF-8", "TERM=dumb", "NO_COLOR=1"};
  absl::StatusOr<CommandResult> result =
      RunCommand({.argv = {"bash", "-c", Script(block)}, .env = environment, .working_dir = home_.path()});
  if (result.ok()) return *std::move(result);
  return {.status = {.code = -1}, .out = "", .err = result.status().ToString()};
}

}  // namespace banger::e2e
