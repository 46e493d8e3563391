#include "cli/testing/workspace_fixture.h"

#include "absl/strings/str_cat.h"
#include "cli/workspace/index.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace fs = std::filesystem;

WorkspaceTest::WorkspaceTest() {
  state_.guest_root = directory_.path() / "guest";
  fs::create_directories(state_.guest_root / "root");
  MakeRepository(repository_);
}

std::string WorkspaceTest::Git(const fs::path& directory, std::vector<std::string> arguments) {
  Subprocess::Options options{.argv = {"git", "-c", "user.name=T", "-c", "user.email=t@t", "-c",
                                       "protocol.file.allow=always", "-c", "init.defaultBranch=main"}};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.env = {"PATH=/usr/bin:/bin", "HOME=/nonexistent"};
  options.working_dir = directory;
  const auto result = RunCommand(options);
  EXPECT_OK(result);
  EXPECT_TRUE(result->status.success()) << arguments[0] << ": " << result->err;
  return result->out;
}

void WorkspaceTest::Write(const fs::path& path, const std::string& content, unsigned mode) {
  ASSERT_OK(MakeDirectories(path.parent_path(), 0755));
  ASSERT_OK(WriteFileAtomically(path, content, mode));
}

void WorkspaceTest::MakeRepository(const fs::path& top) {
  ASSERT_OK(MakeDirectories(top, 0755));
  Git(top, {"init", "-q"});
  for (int i = 0; i < 12; ++i) {
    Write(top / "count", absl::StrCat(i));
    Git(top, {"add", "-A"});
    Git(top, {"commit", "-q", "-m", absl::StrCat(i)});
  }
  Write(top / "src/main.c", "int main;\n");
  Write(top / "run.sh", "#!/bin/sh\n", 0755);
  Write(top / "logo", std::string("\0\1\2\xff\n\0", 6));
  Write(top / "gone", "bye\n");
  Write(top / ".gitignore", "*.o\n");
  fs::create_symlink("src/main.c", top / "link");
  Git(top, {"add", "-A"});
  Git(top, {"commit", "-q", "-m", "files"});
  Git(top, {"remote", "add", "origin", "https://me:token@git.example.org/app.git"});
}

CommandResult WorkspaceTest::Prepare(const std::vector<std::string>& more) const {
  std::vector<std::string> arguments = {"vm", "workspace", "prepare", "web", repository_.string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Run(arguments);
}

void WorkspaceTest::Prepared(const std::vector<std::string>& more) const {
  const CommandResult result = Prepare(more);
  ASSERT_EQ(result.status.code, 0) << result.err;
}

std::string WorkspaceTest::Export(const std::string& base) const {
  std::vector<std::string> arguments = {"vm", "workspace", "export", "web"};
  if (!base.empty()) arguments.insert(arguments.end(), {"--base-commit", base});
  const CommandResult result = Run(arguments);
  EXPECT_EQ(result.status.code, 0) << result.err;
  return result.out;
}

void WorkspaceTest::Apply(const std::string& patch, const fs::path& to) const {
  Write(directory_.path() / "patch", patch);
  Git(to, {"apply", "--whitespace=nowarn", (directory_.path() / "patch").string()});
}

std::string WorkspaceTest::Difference(const fs::path& a, const fs::path& b) {
  const auto result =
      RunCommand({.argv = {"diff", "-r", "--no-dereference", "-x", ".git", a.string(), b.string()}});
  std::string differs = result->out + result->err;
  for (const auto& entry : fs::recursive_directory_iterator(a)) {
    const fs::path name = fs::relative(entry.path(), a);
    if (!IsPathInTree(name.string()) || entry.is_symlink() || !entry.is_regular_file()) continue;
    if ((fs::status(entry.path()).permissions() & fs::perms::owner_exec) !=
        (fs::status(b / name).permissions() & fs::perms::owner_exec))
      absl::StrAppend(&differs, name.string(), ": executable in one of them\n");
  }
  return differs;
}

}  // namespace banger::cli
