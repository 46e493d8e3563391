// Run by the build: writes what is made from the command table and installed beside
// the program, below DIR: man/man1/ and completion scripts.
#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"
#include "cli/completion.h"
#include "cli/man_pages.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

absl::Status Write(const std::filesystem::path& path, const std::string& text) {
  BANGER_RETURN_IF_ERROR(MakeDirectories(path.parent_path(), 0755));
  return WriteFileAtomically(path, text, 0644);
}

absl::Status WritePages(const std::filesystem::path& directory) {
  const CommandTable table = MakeCommandTable();
  // Of commands that are gone nothing may stay.
  BANGER_RETURN_IF_ERROR(RemoveTree(directory / "man"));
  for (const ManPage& page : ManPages(table))
    BANGER_RETURN_IF_ERROR(Write(directory / "man/man1" / absl::StrCat(page.name, ".1"), page.text));
  BANGER_RETURN_IF_ERROR(Write(directory / "bash-completion/completions/banger", BashCompletion(table)));
  BANGER_RETURN_IF_ERROR(Write(directory / "zsh/_banger", ZshCompletion(table)));
  return Write(directory / "fish/vendor_completions.d/banger.fish", FishCompletion(table));
}

}  // namespace
}  // namespace banger::cli

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: banger_pages DIR\n");
    return 2;
  }
  const absl::Status written = banger::cli::WritePages(argv[1]);
  if (!written.ok()) std::fprintf(stderr, "%s\n", std::string(written.message()).c_str());
  return written.ok() ? 0 : 1;
}
