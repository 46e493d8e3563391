// What a repository that somebody else made could have of the user's.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/testing/workspace_fixture.h"
#include "cli/workspace/repository.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class HostileRepositoryTest : public WorkspaceTest {
 protected:
  HostileRepositoryTest() {
    Write(secrets_ / "key", "PRIVATE");
    Write(secrets_ / "main.c", "PRIVATE");
    Write(evil_, absl::StrCat("#!/bin/sh\ntouch ", ran_.string(), "\n"), 0755);
  }
  void ExpectNothingRanNorLeaked() const {
    EXPECT_FALSE(fs::exists(ran_));
    const auto found = RunCommand({.argv = {"grep", "-r", "PRIVATE", state_.guest_root.string()}});
    EXPECT_EQ(found->out, "");
  }

  const fs::path secrets_ = directory_.path() / "secrets";
  const fs::path evil_ = directory_.path() / "evil";
  const fs::path ran_ = directory_.path() / "ran";
};

TEST_F(HostileRepositoryTest, RunsNothingAndTakesNothingAlong) {
  for (const char* key : {"core.fsmonitor",
                          "core.sshCommand",
                          "core.pager",
                          "core.gitProxy",
                          "core.editor",
                          "diff.external",
                          "core.alternateRefsCommand",
                          "uploadpack.packObjectsHook",
                          "filter.x.smudge",
                          "filter.x.clean",
                          "filter.x.process",
                          "credential.helper",
                          "core.askPass",
                          "alias.ls-files",
                          "alias.fetch",
                          "diff.x.textconv",
                          "diff.x.command",
                          "remote.origin.uploadpack",
                          "trailer.x.command",
                          "gpg.program"})
    Git(repository_, {"config", key, evil_.string()});
  Git(repository_, {"config", "commit.gpgSign", "true"});
  Write(repository_ / ".git/info/attributes", "* filter=x diff=x\n");
  for (const char* hook : {"post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc",
                           "fsmonitor-watchman", "pre-commit"})
    fs::copy_file(evil_, repository_ / ".git/hooks" / hook, fs::copy_options::overwrite_existing);
  // A directory that is a link now.
  fs::rename(repository_ / "src", repository_ / "was");
  fs::create_directory_symlink(secrets_, repository_ / "src");
  Git(repository_, {"config", "core.worktree", secrets_.string()});
  Prepared();
  ExpectNothingRanNorLeaked();
  fs::remove_all(Guest());
  Prepared({"--branch", "b", "--from", "HEAD~1"});
  ExpectNothingRanNorLeaked();
}

// What is missing in it would be fetched, by a program that it names.
TEST_F(HostileRepositoryTest, FetchesNothingThatItLacks) {
  const fs::path partial = directory_.path() / "partial/app";
  fs::create_directories(partial.parent_path());
  Git(repository_, {"config", "uploadpack.allowFilter", "true"});
  Git(directory_.path(), {"clone", "-q", "--no-checkout", "--filter=blob:none",
                          "file://" + repository_.string(), partial.string()});
  Git(partial, {"config", "remote.origin.uploadpack", evil_.string()});
  Git(partial, {"config", "--add", "remote.origin.url", absl::StrCat("ext::", evil_.string())});
  const CommandResult result = Run({"vm", "workspace", "prepare", "web", partial.string()});
  EXPECT_EQ(result.status.code, 1);
  EXPECT_THAT(result.err, HasSubstr("a partial clone that lacks files of its commits cannot travel"));
  ExpectNothingRanNorLeaked();
}

TEST_F(HostileRepositoryTest, TheUsersOwnFiltersDoNotRunForIt) {
  const fs::path home = directory_.path() / "home";
  Write(home / ".gitconfig", absl::StrCat("[filter \"x\"]\n  clean = ", evil_.string(),
                                          "\n  smudge = ", evil_.string(), "\n  required = true\n"));
  Write(repository_ / ".gitattributes", "* filter=x\n");
  Git(repository_, {"add", ".gitattributes"});
  Git(repository_, {"commit", "-q", "-m", "attributes"});
  std::vector<std::string> environment = Environment();
  environment.push_back("HOME=" + home.string());
  for (const char* from : {"", "HEAD"}) {
    std::vector<std::string> argv = {BangerProgram(), "vm",  "workspace",
                                     "prepare",       "web", repository_.string()};
    if (*from != '\0') argv.insert(argv.end(), {"--branch", "b", "--from", from});
    const auto result = RunCommand({.argv = argv, .env = environment});
    ASSERT_OK(result);
    EXPECT_EQ(result->status.code, 0) << result->err;
    ExpectNothingRanNorLeaked();
    fs::remove_all(Guest());
  }
}

TEST_F(HostileRepositoryTest, OneThatBorrowsAnothersIsRefused) {
  const fs::path decoy = directory_.path() / "decoy";
  const fs::path git = repository_ / ".git";
  const auto refused = [&] { return Run({"vm", "run", decoy.string()}).err; };
  Write(decoy / ".git", absl::StrCat("gitdir: ", git.string(), "\n"));
  EXPECT_THAT(refused(), HasSubstr("does not know of it"));
  fs::remove(decoy / ".git");
  fs::create_directory_symlink(git, decoy / ".git");
  EXPECT_THAT(refused(), HasSubstr("neither a directory nor a file"));
  fs::remove(decoy / ".git");
  Git(decoy, {"init", "-q"});
  Write(decoy / ".git/objects/info/alternates", (git / "objects").string() + "\n");
  fs::create_symlink(git / "refs/heads/main", decoy / ".git/refs/heads/main");
  EXPECT_THAT(refused(), HasSubstr("refs/heads/main' is a link"));
  Write(decoy / ".git/commondir", git.string() + "\n");
  EXPECT_THAT(refused(), HasSubstr("from another repository"));
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(git.c_str(), 1234, 1234), 0);
    EXPECT_THAT(Run({"vm", "run", repository_.string()}).err, HasSubstr("belongs to another user"));
  }
  EXPECT_EQ(state_.Calls("CreateVm"), 0);
}

TEST_F(HostileRepositoryTest, AnIndexWithPathsThatLeaveItIsRefused) {
  std::string index = *ReadFile(repository_ / ".git/index");
  const std::string name = ".gitignore";
  const std::size_t at = index.find(name);
  ASSERT_NE(at, std::string::npos);
  Write(directory_.path() / "key.txt", "PRIVATE");
  // As long, and as early.
  index.replace(at, name.size(), "../key.txt");
  Write(repository_ / ".git/index", index);
  const CommandResult result = Prepare();
  EXPECT_EQ(result.status.code, 1);
  EXPECT_THAT(result.err, HasSubstr("its index has '../key.txt', which is no path of a file"));
  EXPECT_FALSE(fs::exists(Guest()));
}

TEST(IndexPathTest, OnlyThoseInTheTree) {
  for (const char* path : {"a", "a/b", ".gitignore", "..a", "a/.gitx", " "}) EXPECT_TRUE(IsPathInTree(path));
  for (const char* path : {"", "/a", "a//b", "a/", ".", "a/./b", "../a", "a/..", ".git/config", "a/.GIT/x"})
    EXPECT_FALSE(IsPathInTree(path)) << path;
}

TEST(WorkspaceUrlTest, PasswordsStayHere) {
  EXPECT_EQ(WithoutPassword("https://u:p@h/x"), "https://h/x");
  EXPECT_EQ(WithoutPassword("https://token@h/x@y"), "https://h/x@y");
  EXPECT_EQ(WithoutPassword("https://h/x"), "https://h/x");
  EXPECT_EQ(WithoutPassword("git@h:x"), "git@h:x");
  EXPECT_EQ(WithoutPassword("ssh://git@h/x"), "ssh://git@h/x");
  EXPECT_EQ(WithoutPassword(""), "");
}

}  // namespace
}  // namespace banger::cli
