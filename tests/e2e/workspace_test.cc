// A repository into a real guest, and what was done there out of it.
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

// Apart, so that it is not in our own source.
const std::string kSecret = absl::StrCat("hunter", 2);

class WorkspaceTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() { StartInstance({}, {"minbase"}); }
  void SetUp() override {
    ASSERT_NE(instance_, nullptr);
    ASSERT_OK(dir_);
  }
  void TearDown() override { Run({"vm", "delete", "--force", "box"}); }

  static std::string Exec(const std::string& script) { return SharedInstanceTest::Exec("box", script); }
  static void Git(const fs::path& directory, std::vector<std::string> arguments) {
    Subprocess::Options options{
        .argv = {"git", "-c", "user.name=T", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"},
        .working_dir = directory};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    const auto result = RunCommand(options);
    ASSERT_OK(result);
    EXPECT_TRUE(result->status.success()) << arguments[0] << ": " << result->err;
  }
  static void Write(const fs::path& path, const std::string& content, unsigned mode = 0644) {
    ASSERT_OK(MakeDirectories(path.parent_path(), 0755));
    ASSERT_OK(WriteFileAtomically(path, content, mode));
  }
  // banger's own; with BANGER_E2E_WHOLE_REPOSITORY all of it, with its history, else a
  // part that an emulated git is through with in a minute.
  void MakeRealRepository() const {
    const fs::path source = BANGER_SOURCE_DIR;
    if (std::getenv("BANGER_E2E_WHOLE_REPOSITORY") != nullptr)
      return Git(dir_->path(), {"clone", "-q", source.string(), "app"});
    fs::create_directories(repository_);
    for (const char* part : {"docs", "proto", "scripts"})
      fs::copy(source / part, repository_ / part, fs::copy_options::recursive);
    Git(repository_, {"init", "-q"});
    Git(repository_, {"add", "-A"});
    Git(repository_, {"commit", "-q", "-m", "all"});
  }
  // The guest is the same distribution as we are.
  static void InstallGit() { Succeeds({"vm", "cp", "/usr/bin/git", "box:/usr/bin/git"}); }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path repository_ = dir_->path() / "app";
};

TEST_F(WorkspaceTest, RunTakesARepositoryAlongAndCommandsRunInIt) {
  Write(repository_ / "src/main.c", "int main;\n");
  Write(repository_ / "run.sh", "#!/bin/sh\necho $(pwd) $1\nexit 3\n", 0755);
  Git(repository_, {"init", "-q"});
  Git(repository_, {"add", "-A"});
  Git(repository_, {"commit", "-q", "-m", "first"});
  Write(repository_ / "src/main.c", "int changed;\n");
  Write(repository_ / ".env", "SECRET\n", 0600);

  const CommandResult run = Run(
      {"vm", "run", "--name", "box", "--image", "minbase", repository_.string(), "--", "./run.sh", "here"});
  EXPECT_EQ(run.status.code, 3) << run.err;
  EXPECT_EQ(run.out, "/root/app here\n");
  EXPECT_EQ(Exec("pwd; cat src/main.c; ls -A"), "/root/app\nint changed;\n.git\nrun.sh\nsrc\n");
  EXPECT_EQ(Run({"vm", "exec", "-w", "/", "box", "--", "pwd"}).out, "/\n");
  EXPECT_EQ(Run({"vm", "exec", "-u", "nobody", "box", "--", "id", "-un"}).out, "nobody\n");
  EXPECT_THAT(Run({"vm", "list"}).out, HasSubstr("/root/app"));
  EXPECT_THAT(Run({"vm", "workspace", "export", "box"}).err, HasSubstr("there is no git in the VM"));
  EXPECT_THAT(Run({"vm", "workspace", "prepare", "box", repository_.string()}).err,
              HasSubstr("'/root/app' is there already"));
  Succeeds({"vm", "restart", "box"});
  EXPECT_EQ(Run({"vm", "exec", "box", "--", "pwd"}).out, "/root/app\n");
}

TEST_F(WorkspaceTest, AnExportAppliedHereGivesTheGuestsTree) {
  MakeRealRepository();
  const fs::path library = dir_->path() / "library";
  Write(library / "lib.c", "int lib;\n");
  Write(library / "old", "old\n");
  Git(library, {"init", "-q"});
  Git(library, {"add", "-A"});
  Git(library, {"commit", "-q", "-m", "library"});
  Git(repository_, {"submodule", "add", "-q", library.string(), "third party/lib"});
  std::string binary;
  for (int i = 0; i < 100000; ++i) binary += static_cast<char>(i * 7919 >> 4);
  Write(repository_ / "assets/logo.bin", binary);
  Write(repository_ / "gone", "gone\n");
  Write(repository_ / "tool", "#!/bin/sh\n");
  fs::create_symlink("README.md", repository_ / "readme");
  Git(repository_, {"add", "-A"});
  Git(repository_, {"commit", "-q", "-m", "more of every kind"});
  Write(repository_ / "local", "added here, not committed\n");
  Git(repository_, {"add", "local"});
  Write(repository_ / "docs/cli.md", "changed here\n");
  Write(repository_ / ".env", absl::StrCat("SECRET=", kSecret, "\n"), 0600);

  Succeeds({"vm", "create", "--name", "box", "--image", "minbase"});
  Succeeds({"vm", "workspace", "prepare", "box", repository_.string(), "--mode", "full", "--branch", "fix"});
  InstallGit();
  EXPECT_EQ(Exec(absl::StrCat("grep -rl ", kSecret, " /root; git symbolic-ref HEAD; git status --porcelain")),
            "refs/heads/fix\n M docs/cli.md\nA  local\n");
  EXPECT_EQ(
      Exec("set -e; export GIT_AUTHOR_NAME=g GIT_AUTHOR_EMAIL=g@g GIT_COMMITTER_NAME=g "
           "GIT_COMMITTER_EMAIL=g@g;"
           "git mv scripts/build scripts/build-all; git rm -q gone; chmod 755 tool;"
           "printf '\\0\\377more' >> assets/logo.bin; git commit -q -a -m guest;"
           "ln -sf docs/cli.md readme; head -c 300000 /dev/urandom > assets/new.bin; mv local 'moved here';"
           "echo more >> docs/cli.md; printf 'a' > 'with \"quotes\" and \n newline';"
           "cd 'third party/lib'; git rm -q old; echo 'int more;' >> lib.c; git commit -q -a -m lib;"
           "head -c 5000 /dev/urandom > data"),
      "");
  const std::string status = Exec("git status --porcelain -z | od -c");
  const std::string patch = (dir_->path() / "patch").string();
  Succeeds({"vm", "workspace", "export", "box", "-o", patch});
  EXPECT_EQ(Exec("git status --porcelain -z | od -c"), status);
  EXPECT_EQ(Exec("find . -name 'banger-export*'"), "");
  EXPECT_THAT(ReadFile(patch), IsOkAndHolds(Not(HasSubstr(kSecret))));

  Git(repository_, {"apply", "--whitespace=nowarn", patch});
  const std::string guest = (dir_->path() / "guest").string();
  Succeeds({"vm", "cp", "box:/root/app", guest});
  fs::remove(repository_ / ".env");
  const auto differs =
      RunCommand({.argv = {"diff", "-r", "--no-dereference", "-x", ".git", guest, repository_.string()}});
  EXPECT_EQ(differs->out + differs->err, "");
  for (const char* program : {"tool", "scripts/build-all"})
    EXPECT_NE(fs::status(repository_ / program).permissions() & fs::perms::owner_exec, fs::perms::none);
}

// There is no way out of here to the real one.
TEST_F(WorkspaceTest, ToolsThatAreInstalledAreInEveryCommandsPath) {
  Write(repository_ / ".tool-versions", "hello 1\n");
  Git(repository_, {"init", "-q"});
  Git(repository_, {"add", "-A"});
  Git(repository_, {"commit", "-q", "-m", "first"});
  Write(dir_->path() / "mise",
        "#!/bin/sh\necho \"mise $* in $(pwd)\"\n[ \"$1\" = install ] || exit 0\n"
        "mkdir -p ~/.local/share/mise/shims && cd ~/.local/share/mise/shims &&"
        "printf '#!/bin/sh\\necho hello\\n' > hello && chmod 755 hello\n",
        0755);
  Succeeds({"vm", "create", "--name", "box", "--image", "minbase"});
  Succeeds({"vm", "cp", (dir_->path() / "mise").string(), "box:/usr/local/bin/mise"});
  EXPECT_THAT(Run({"vm", "workspace", "prepare", "box", repository_.string()}).err,
              HasSubstr("pins tools in .tool-versions"));
  Succeeds({"vm", "set", "box", "--nat"});
  const CommandResult prepared = Run({"vm", "workspace", "prepare", "box", repository_.string()});
  EXPECT_EQ(prepared.status.code, 0);
  EXPECT_EQ(prepared.out, "");
  EXPECT_THAT(prepared.err, HasSubstr("mise trust --yes in /root/app\nmise install --yes in /root/app\n"));
  EXPECT_EQ(Run({"vm", "exec", "box", "--", "hello"}).out, "hello\n");
}

}  // namespace
}  // namespace banger::e2e
