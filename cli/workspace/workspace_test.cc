// vm workspace prepare and vm run PATH: the program itself and real git, with a
// directory in place of a guest.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "cli/testing/workspace_fixture.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(WorkspaceTest, ARepositoryGoesInAsItLiesHere) {
  Write(repository_ / "src/main.c", "int changed;\n");
  Write(repository_ / ".env", "SECRET=1\n");
  Write(repository_ / "x.o", "object");
  fs::remove(repository_ / "gone");
  Write(repository_ / ".git/hooks/post-checkout", "#!/bin/sh\ntouch /tmp/evil\n", 0755);
  Prepared({"--branch", "fix"});

  EXPECT_EQ(Git(Guest(), {"symbolic-ref", "HEAD"}), "refs/heads/fix\n");
  EXPECT_EQ(Git(Guest(), {"rev-list", "--count", "HEAD"}), "10\n");
  EXPECT_EQ(Git(Guest(), {"remote", "get-url", "origin"}), "https://git.example.org/app.git\n");
  EXPECT_EQ(Git(Guest(), {"rev-parse", "HEAD"}), Git(repository_, {"rev-parse", "HEAD"}));
  EXPECT_EQ(Git(Guest(), {"status", "--porcelain"}), " D gone\n M src/main.c\n");
  EXPECT_THAT(ReadFile(Guest("src/main.c")), IsOkAndHolds("int changed;\n"));
  EXPECT_EQ(fs::read_symlink(Guest("link")), "src/main.c");
  EXPECT_FALSE(fs::exists(Guest(".env"))) << "untracked files are secrets";
  EXPECT_FALSE(fs::exists(Guest("x.o")));
  EXPECT_FALSE(fs::exists(Guest(".git/hooks/post-checkout")));
  EXPECT_FALSE(fs::exists(Guest(".git/logs"))) << "it would name us and our machine";
  EXPECT_EQ(state_.vms.vms(0).workspace(), "/root/app");
  EXPECT_EQ(Git(repository_, {"status", "--porcelain"}), " D gone\n M src/main.c\n?? .env\n");
}

TEST_F(WorkspaceTest, UntrackedFilesTravelWhenAskedFor) {
  Write(repository_ / "new/file", "1");
  Write(repository_ / "x.o", "object");
  Git(repository_, {"init", "-q", "other"});
  Write(repository_ / "other/secret", "1");
  const CommandResult result = Prepare({"--include-untracked"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("left out: 'other/' is a repository of its own"));
  EXPECT_TRUE(fs::exists(Guest("new/file")));
  EXPECT_FALSE(fs::exists(Guest("x.o"))) << "it is ignored";
  EXPECT_FALSE(fs::exists(Guest("other")));
}

TEST_F(WorkspaceTest, WhatIsAddedTravelsAlsoWhenItIsIgnored) {
  Write(repository_ / "y.o", "wanted");
  Git(repository_, {"add", "-f", "y.o"});
  Prepared();
  EXPECT_THAT(ReadFile(Guest("y.o")), IsOkAndHolds("wanted"));
  EXPECT_EQ(Git(Guest(), {"status", "--porcelain"}), "A  y.o\n");
}

TEST_F(WorkspaceTest, ASparseCheckoutIsSparseThereToo) {
  Git(repository_, {"sparse-checkout", "set", "--no-cone", "/count", "/run.sh"});
  ASSERT_FALSE(fs::exists(repository_ / "src"));
  Prepared();
  EXPECT_TRUE(fs::exists(Guest("run.sh")));
  EXPECT_FALSE(fs::exists(Guest("src")));
  EXPECT_EQ(Git(Guest(), {"status", "--porcelain"}), "");
  EXPECT_EQ(Export(), "");
}

TEST_F(WorkspaceTest, NamesAreWhateverTheyAre) {
  for (const char* name : {"-rf", "a\nb", "\xff\xfe", " x ", "\"q\"", "t\tt", "*"}) {
    Write(repository_ / name, name);
    Git(repository_, {"--literal-pathspecs", "add", "--", name});
  }
  Prepared();
  EXPECT_EQ(Difference(repository_, Guest()), "");
  Write(Guest("\xff\xfe"), "changed\n");
  fs::remove(Guest("a\nb"));
  Apply(Export(), repository_);
  EXPECT_EQ(Difference(repository_, Guest()), "");
}

TEST_F(WorkspaceTest, ADirectoryWhoseNameIsNoTextIsCalledWorkspace) {
  const fs::path odd = repository_.parent_path() / "odd\xff\nname";
  fs::rename(repository_, odd);
  Subprocess::Options options{.argv = {BangerProgram(), "vm", "workspace", "prepare", "web"},
                              .env = Environment(),
                              .working_dir = odd};
  const auto result = RunCommand(options);
  ASSERT_OK(result);
  EXPECT_EQ(result->status.code, 0) << result->err;
  EXPECT_EQ(state_.vms.vms(0).workspace(), "/root/workspace");
}

TEST_F(WorkspaceTest, ADryRunListsAndSendsNothing) {
  Write(repository_ / ".env", "SECRET=1\n");
  const CommandResult result =
      Run({"vm", "workspace", "prepare", "web", (repository_ / "src").string(), "--dry-run"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(result.out, ".gitignore\ncount\ngone\nlink\nlogo\nrun.sh\nsrc/main.c\n");
  EXPECT_THAT(result.err, HasSubstr("to /root/app: branch main at "));
  EXPECT_EQ(state_.Calls("WriteVmTree"), 0);
  EXPECT_EQ(Run({"vm", "run", repository_.string(), "--dry-run"}).out, result.out);
  EXPECT_EQ(state_.Calls("CreateVm"), 0);
}

TEST_F(WorkspaceTest, FromAnotherCommitComesWithItsFilesAlone) {
  Write(repository_ / "src/main.c", "int local;\n");
  Prepared({"--branch", "old", "--from", "HEAD~1"});
  EXPECT_THAT(ReadFile(Guest("count")), IsOkAndHolds("11"));
  EXPECT_FALSE(fs::exists(Guest("src/main.c")));
  EXPECT_EQ(Git(Guest(), {"status", "--porcelain"}), "");
  EXPECT_EQ(Export(), "");
}

TEST_F(WorkspaceTest, SubmodulesComeInFullMode) {
  const fs::path library = directory_.path() / "library";
  MakeRepository(library);
  Git(repository_, {"submodule", "add", "-q", library.string(), "lib"});
  Git(repository_, {"commit", "-q", "-m", "lib"});
  Write(repository_ / "lib/src/main.c", "int in_lib;\n");
  const CommandResult shallow = Prepare();
  EXPECT_THAT(shallow.err, HasSubstr("submodule 'lib' needs '--mode full'"));
  EXPECT_EQ(Git(Guest(), {"status", "--porcelain"}), "");
  EXPECT_TRUE(fs::is_empty(Guest("lib")));
  fs::remove_all(Guest());

  Prepared({"--mode", "full"});
  EXPECT_EQ(Git(Guest(), {"rev-list", "--count", "HEAD"}), "14\n");
  EXPECT_THAT(ReadFile(Guest("lib/src/main.c")), IsOkAndHolds("int in_lib;\n"));
  EXPECT_EQ(Git(Guest("lib"), {"status", "--porcelain"}), " M src/main.c\n");
  EXPECT_EQ(Git(Guest(), {"status", "--porcelain"}), " M lib\n");
  fs::remove_all(Guest());

  Prepared({"--mode", "full", "--branch", "again", "--from", "HEAD"});
  EXPECT_THAT(ReadFile(Guest("lib/src/main.c")), IsOkAndHolds("int main;\n"));
  EXPECT_EQ(Git(Guest(), {"status", "--porcelain"}), "");
}

TEST_F(WorkspaceTest, AWorkspaceThatIsThereStays) {
  Write(Guest("work"), "precious");
  const CommandResult result = Prepare();
  EXPECT_EQ(result.status.code, 1);
  EXPECT_THAT(result.err, HasSubstr("'/root/app' is there already"));
  EXPECT_THAT(ReadFile(Guest("work")), IsOkAndHolds("precious"));
}

TEST_F(WorkspaceTest, OneThatCannotBeRecordedGoesAway) {
  state_.Fail("UpdateVm", absl::ResourceExhaustedError("the disk is full"));
  EXPECT_EQ(Prepare().status.code, 1);
  EXPECT_FALSE(fs::exists(Guest()));
}

TEST_F(WorkspaceTest, RunTakesARepositoryAlong) {
  const CommandResult result =
      Run({"vm", "run", "--name", "box", "--rm", repository_.string(), "--", "exit", "7"});
  EXPECT_EQ(result.status.code, 7) << result.err;
  EXPECT_TRUE(fs::exists(Guest("src/main.c")));
  EXPECT_THAT(state_.Events(), Contains("set box"));
  EXPECT_THAT(state_.Events(), Contains("deleted by force 0123456789ab"));
}

TEST_F(WorkspaceTest, ExecTakesTheRepositoryAroundUsAlongOnce) {
  for (int i = 0; i < 2; ++i) {
    const auto result =
        RunCommand({.argv = {BangerProgram(), "vm", "exec", "--auto-prepare", "web", "--", "exit", "5"},
                    .env = Environment(),
                    .working_dir = repository_ / "src"});
    ASSERT_OK(result);
    EXPECT_EQ(result->status.code, 5) << result->err;
  }
  EXPECT_TRUE(fs::exists(Guest("src/main.c")));
  EXPECT_EQ(state_.Calls("WriteVmTree"), 1);
}

TEST_F(WorkspaceTest, PinnedToolsAreInstalled) {
  Write(repository_ / ".tool-versions", "node 20\n");
  Git(repository_, {"add", "-A"});
  EXPECT_EQ(Prepare().status.code, kExitUsage);
  EXPECT_THAT(Prepare().err,
              HasSubstr("pins tools in .tool-versions, which have to be fetched: give it a way out "
                        "with 'banger vm set web --nat', or --no-bootstrap"));
  EXPECT_FALSE(fs::exists(Guest()));
  state_.vms.mutable_vms(0)->mutable_network_policy()->set_nat(true);
  Prepared();
  EXPECT_THAT(state_.Events(), Contains("tools in /root/app"));
  fs::remove_all(Guest());
  state_.tools_exit_code = 3;
  EXPECT_THAT(Prepare().err, HasSubstr("tools could not be installed (exit code 3)"));
}

TEST_F(WorkspaceTest, RunRefusesBeforeThereIsAVm) {
  Write(repository_ / ".tool-versions", "node 20\n");
  Git(repository_, {"add", "-A"});
  const std::string repository = repository_.string();
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"vm", "run", "--branch", "x"}, "--branch needs PATH"},
      {{"vm", "run", "--include-untracked"}, "--include-untracked needs PATH"},
      {{"vm", "run", repository, "--from", "HEAD"}, "give its name with --branch"},
      {{"vm", "run", repository}, "give --nat, or --no-bootstrap"},
      {{"vm", "run", repository, "-d", "--rm"}, "--detach and --rm exclude"},
      {{"vm", "run", repository, "-d", "--", "x"}, "--detach only starts it"},
      {{"vm", "run", (repository_ / "none").string()}, "PATH is a git repository"},
      {{"vm", "workspace", "export", "web", "--branch", "x"}, "--branch is prepare's"},
      {{"vm", "workspace", "prepare", "web", "-o", "x"}, "are export's"}};
  for (const auto& [arguments, message] : cases) {
    const CommandResult result = Run(arguments);
    EXPECT_EQ(result.status.code, kExitUsage) << message;
    EXPECT_THAT(result.err, HasSubstr(message));
  }
  for (const auto& [arguments, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"vm", "run", directory_.path().string()}, "is in no git repository"},
           {{"vm", "run", repository, "--no-bootstrap", "--branch", "a", "--from", "none"},
            "no commit 'none'"},
           {{"vm", "run", repository, "--no-bootstrap", "--branch", "a..b"}, "no name of a branch"}}) {
    const CommandResult result = Run(arguments);
    EXPECT_NE(result.status.code, 0);
    EXPECT_THAT(result.err, HasSubstr(message));
  }
  EXPECT_EQ(state_.Calls("CreateVm"), 0);
  EXPECT_EQ(Run({"vm", "run", repository, "--no-bootstrap", "--rm", "--", "exit", "0"}).status.code, 0);
}

TEST_F(WorkspaceTest, AWorktreeOfGitsOwnIsARepository) {
  const fs::path tree = fs::canonical(directory_.path()) / "side/app";
  Git(repository_, {"worktree", "add", "-q", "-b", "side", tree.string()});
  Write(tree / "src/main.c", "int side;\n");
  const CommandResult result = Run({"vm", "workspace", "prepare", "web", tree.string()});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(Git(Guest(), {"symbolic-ref", "HEAD"}), "refs/heads/side\n");
  EXPECT_THAT(ReadFile(Guest("src/main.c")), IsOkAndHolds("int side;\n"));
}

}  // namespace
}  // namespace banger::cli
