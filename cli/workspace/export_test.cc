// vm workspace export: the program itself and real git, with a directory in place of a
// guest.
#include <filesystem>

#include "cli/testing/workspace_fixture.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

// Work of every kind, some of it committed.
class ExportTest : public WorkspaceTest {
 protected:
  void Work() const {
    Git(Guest(), {"mv", "run.sh", "go.sh"});
    Git(Guest(), {"rm", "-q", "-f", "count"});
    Write(Guest("forced.o"), "tracked although it is ignored");
    Git(Guest(), {"add", "-f", "forced.o"});
    Git(Guest(), {"commit", "-q", "-m", "in the guest"});
    Write(Guest("logo"), std::string("\0\7\xfe\n", 4));
    Write(Guest("new binary"), std::string("\0\1\0", 3));
    Write(Guest("tool"), "#!/bin/sh\n", 0755);
    fs::remove(Guest("link"));
    fs::create_symlink("logo", Guest("link"));
    fs::permissions(Guest("gone"), fs::perms::owner_exec, fs::perm_options::add);
    Write(Guest("y.o"), "ignored");
    Git(Guest(), {"add", "tool"});
  }
};

TEST_F(ExportTest, AppliesWhereTheFilesCameFromAndGivesTheGuestsTree) {
  Write(repository_ / "src/main.c", "int changed_here;\n");
  Write(repository_ / "staged", "not committed\n");
  Git(repository_, {"add", "staged"});
  Prepared();
  Work();
  const std::string status = Git(Guest(), {"status", "--porcelain"});
  const std::string patch = Export();
  EXPECT_EQ(Git(Guest(), {"status", "--porcelain"}), status) << "the guest's own index";
  for (const auto& entry : fs::directory_iterator(Guest(".git")))
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("banger-export")));

  Apply(patch, repository_);
  fs::remove(Guest("y.o"));
  EXPECT_EQ(Difference(Guest(), repository_), "");
}

TEST_F(ExportTest, SinceACommitAppliesToThatCommit) {
  const std::string head = Git(repository_, {"rev-parse", "HEAD"}).substr(0, 40);
  Write(repository_ / "src/main.c", "int changed_here;\n");
  Prepared();
  Work();
  const fs::path clean = directory_.path() / "clean";
  Git(directory_.path(), {"clone", "-q", repository_.string(), clean.string()});
  Apply(Export(head), clean);
  fs::remove(Guest("y.o"));
  EXPECT_EQ(Difference(Guest(), clean), "");

  const std::string since = Export("HEAD");
  EXPECT_THAT(since, Not(HasSubstr("go.sh"))) << "committed before";
  EXPECT_THAT(since, HasSubstr("GIT binary patch"));
  const CommandResult none = Run({"vm", "workspace", "export", "web", "--base-commit=-x"});
  EXPECT_EQ(none.status.code, 1);
  EXPECT_THAT(none.err, HasSubstr("git rev-parse: fatal:"));
}

TEST_F(ExportTest, TheGuestsConfigurationDoesNotBendIt) {
  Write(repository_ / "long", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  Git(repository_, {"add", "-A"});
  Git(repository_, {"commit", "-q", "-m", "long"});
  Prepared();
  Write(Guest("long"), "1\n2\n3\n4\nfive\n6\n7\n8\n9\n");
  Write(Guest("src/new.c"), "x\n");
  const std::string plain = Export();
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"diff.context", "0"},
                                                        {"diff.noprefix", "true"},
                                                        {"diff.mnemonicPrefix", "true"},
                                                        {"diff.external", "/bin/false"},
                                                        {"diff.renames", "copies"},
                                                        {"diff.relative", "true"},
                                                        {"color.ui", "always"},
                                                        {"core.abbrev", "4"},
                                                        {"diff.algorithm", "patience"},
                                                        {"core.pager", "/bin/false"},
                                                        {"core.hooksPath", "/nonexistent"},
                                                        {"diff.submodule", "log"}})
    Git(Guest(), {"config", key, value});
  EXPECT_EQ(Export(), plain);
}

TEST_F(ExportTest, HasTheFilesOfSubmodules) {
  const fs::path library = directory_.path() / "library";
  MakeRepository(library);
  Git(library, {"submodule", "add", "-q", repository_.string(), "deep er"});
  Git(library, {"commit", "-q", "-m", "deeper"});
  Git(repository_, {"submodule", "add", "-q", library.string(), "lib"});
  Git(repository_, {"commit", "-q", "-m", "lib"});
  Git(repository_, {"submodule", "update", "--init", "-q", "--recursive"});
  Prepared({"--mode", "full"});
  Write(Guest("src/main.c"), "int above;\n");
  Write(Guest("lib/src/main.c"), "int committed;\n");
  Git(Guest("lib"), {"commit", "-q", "-a", "-m", "in the guest"});
  Write(Guest("lib/new"), std::string("\0\1", 2));
  fs::remove(Guest("lib/deep er/gone"));
  Apply(Export(), repository_);
  EXPECT_EQ(Difference(Guest(), repository_), "");
}

TEST_F(ExportTest, ARepositoryThatWasMadeThereIsNamed) {
  Prepared();
  Git(Guest(), {"init", "-q", "mine"});
  const CommandResult empty = Run({"vm", "workspace", "export", "web"});
  EXPECT_EQ(empty.status.code, 1);
  EXPECT_THAT(empty.err, HasSubstr("'mine/' does not have a commit checked out"));
  Write(Guest("mine/file"), "x");
  Git(Guest("mine"), {"add", "-A"});
  Git(Guest("mine"), {"commit", "-q", "-m", "x"});
  EXPECT_THAT(Run({"vm", "workspace", "export", "web"}).err,
              HasSubstr("warning: adding embedded git repository: mine"));
}

TEST_F(ExportTest, OfNothingSaysSo) {
  Prepared();
  const CommandResult result = Run({"vm", "workspace", "export", "web"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("nothing differs"));
}

TEST_F(ExportTest, GoesIntoAFileWhenItIsWhole) {
  Prepared();
  Work();
  const std::string file = (directory_.path() / "out").string();
  EXPECT_EQ(Run({"vm", "workspace", "export", "web", "-o", file}).status.code, 0);
  EXPECT_THAT(ReadFile(file), IsOkAndHolds(Export()));
  Write(file, "precious");
  EXPECT_EQ(Run({"vm", "workspace", "export", "web", "-o", file, "--base-commit", "none"}).status.code, 1);
  EXPECT_THAT(ReadFile(file), IsOkAndHolds("precious"));
}

TEST_F(ExportTest, WithoutGitInTheVmTheRemedyIsNamed) {
  Prepared();
  state_.guest_has_git = false;
  const CommandResult result = Run({"vm", "workspace", "export", "web"});
  EXPECT_EQ(result.status.code, 1);
  EXPECT_THAT(result.err, HasSubstr("there is no git in the VM: install it there, for example with "
                                    "'banger vm exec web -- apt-get install -y git'"));
  EXPECT_THAT(Run({"vm", "workspace", "export", "old"}).err, HasSubstr("it has no workspace"));
}

}  // namespace
}  // namespace banger::cli
