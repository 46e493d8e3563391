#include <signal.h>
#include <sys/stat.h>

#include <list>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "tests/install/installation.h"

namespace banger {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

class InstallTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TempDir(*TempDir::Create());
    ASSERT_OK(Install(prefix()));
  }
  static void TearDownTestSuite() { delete directory_; }

  static fs::path prefix() { return directory_->path() / "usr"; }

 private:
  static inline TempDir* directory_ = nullptr;
};

TEST_F(InstallTest, TheTreeIsWhatTheDocumentationSays) {
  std::vector<std::string> files;
  for (const std::string& file : FilesBelow(prefix()))
    if (!absl::StartsWith(file, "share/man/man1/") && !absl::StartsWith(file, "libexec/banger/guest/lib"))
      files.push_back(file);
  EXPECT_THAT(files, ElementsAreArray({
                         "bin/banger",
                         "lib/systemd/system/banger-gateway.service",
                         "lib/systemd/system/banger-imaged.service",
                         "lib/systemd/system/banger-kerneld.service",
                         "lib/systemd/system/banger-netd.service",
                         "lib/systemd/system/banger-vmd.service",
                         "lib/systemd/system/banger.target",
                         "lib/sysusers.d/banger.conf",
                         "lib/tmpfiles.d/banger.conf",
                         "libexec/banger/banger-agent",
                         "libexec/banger/banger-confine",
                         "libexec/banger/banger-gateway",
                         "libexec/banger/banger-imaged",
                         "libexec/banger/banger-initrd",
                         "libexec/banger/banger-kerneld",
                         "libexec/banger/banger-netd",
                         "libexec/banger/banger-vmd",
                         "libexec/banger/guest/accounts.so",
                         "libexec/banger/guest/dropbear",
                         "libexec/banger/guest/dropbearkey",
                         "libexec/banger/guest/ld.so",
                         "libexec/banger/guest/sftp-server",
                         "share/banger/config.toml",
                         "share/banger/mini.tar",
                         "share/bash-completion/completions/banger",
                         "share/doc/banger-client/copyright",
                         "share/doc/banger/copyright",
                         "share/fish/vendor_completions.d/banger.fish",
                         "share/zsh/site-functions/_banger",
                     }));
}

TEST_F(InstallTest, AClientIsTheCommandWithItsPagesAndCompletion) {
  const TempDir client = *TempDir::Create();
  ASSERT_OK(Install(client.path(), "client"));
  std::vector<std::string> others;
  for (const std::string& file : FilesBelow(client.path()))
    if (!absl::StartsWith(file, "share/")) others.push_back(file);
  EXPECT_THAT(others, ElementsAreArray({"bin/banger"}));
  EXPECT_THAT(OutputOf({client.path() / "bin/banger", "--version"}), IsOkAndHolds(HasSubstr("banger")));
}

TEST_F(InstallTest, NobodyButItsOwnerWritesToIt) {
  for (const std::string& file : FilesBelow(prefix())) {
    struct stat found {};
    ASSERT_EQ(::lstat((prefix() / file).c_str(), &found), 0) << file;
    EXPECT_EQ(found.st_mode & 07022, 0u) << file;
    EXPECT_EQ(found.st_mode & 0444, 0444u) << file;
  }
}

TEST_F(InstallTest, NothingNamesTheBuildTree) {
  for (const std::string& file : FilesBelow(prefix())) {
    ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(prefix() / file));
    EXPECT_FALSE(absl::StrContains(content, BANGER_SOURCE_DIR)) << file;
  }
}

TEST_F(InstallTest, ShellsTakeTheirCompletionFromWhereItIs) {
  const std::string share = prefix() / "share";
  EXPECT_THAT(
      OutputOf({"bash", "-c",
                absl::StrCat(". ", share, "/bash-completion/completions/banger; complete -p banger")}),
      IsOkAndHolds("complete -F _banger banger\n"));
  EXPECT_THAT(OutputOf({"zsh", "-fc",
                        absl::StrCat("fpath=(", share,
                                     "/zsh/site-functions $fpath); autoload -U compinit; "
                                     "compinit -D -u; print $_comps[banger]; autoload +X _banger")}),
              IsOkAndHolds("_banger\n"));
  EXPECT_THAT(OutputOf({"fish", "--no-config", "-c",
                        absl::StrCat("source ", share,
                                     "/fish/vendor_completions.d/banger.fish; "
                                     "complete -C 'banger vm sto'")}),
              IsOkAndHolds(HasSubstr("stop\tPower VMs off")));
}

TEST_F(InstallTest, InstalledProgramsFindEachOther) {
  const TempDir root = *TempDir::Create();
  std::vector<std::string> env = {absl::StrCat("BANGER_ROOT=", root.path().string()), "PATH=/usr/bin:/bin"};
  std::list<Subprocess> daemons;
  for (const char* daemon : {"kerneld", "imaged", "vmd", "gateway"}) {
    ASSERT_OK_AND_ASSIGN(
        Subprocess started,
        Subprocess::Start(
            {.argv = {prefix() / "libexec/banger" / absl::StrCat("banger-", daemon)}, .env = env}));
    daemons.push_back(std::move(started));
  }
  const auto banger = [&](const std::vector<std::string>& words) {
    std::vector<std::string> argv = {prefix() / "bin/banger"};
    argv.insert(argv.end(), words.begin(), words.end());
    const absl::StatusOr<CommandResult> result = RunCommand({.argv = argv, .env = env});
    return result.ok() ? absl::StrCat(result->out, result->err) : std::string(result.status().message());
  };
  // imaged found its built-in image; vmd, which ends without them, agent and helpers.
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(banger({"image", "list"}), "mini"); }));
  EXPECT_TRUE(Eventually([&] { return banger({"vm", "list", "-q"}).empty(); })) << banger({"vm", "list"});
  const std::string doctor = banger({"doctor"});
  for (const char* good : {"config ", "store ", "socket ", "daemon gateway ", "daemon imaged ",
                           "daemon kerneld ", "daemon vmd "})
    EXPECT_THAT(doctor, HasSubstr(absl::StrCat("PASS  ", good)));
  EXPECT_THAT(doctor, HasSubstr("FAIL  kernel "));
  for (Subprocess& daemon : daemons) {
    EXPECT_OK(daemon.Signal(SIGTERM));
    EXPECT_THAT(daemon.Wait(), IsOkAndHolds(::testing::Property(&ExitStatus::success, true)));
  }
}

}  // namespace
}  // namespace banger
