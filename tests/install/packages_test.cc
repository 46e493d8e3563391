#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "tests/install/installation.h"

namespace banger {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

namespace fs = std::filesystem;

class PackagesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TempDir(*TempDir::Create());
    ASSERT_OK_AND_ASSIGN(const std::vector<fs::path> packages, MakePackages(directory_->path()));
    ASSERT_THAT(packages, SizeIs(2));
    client_ = packages[0];
    host_ = packages[1];
    if (client_.filename().string().find("client") == std::string::npos) std::swap(client_, host_);
  }
  static void TearDownTestSuite() { delete directory_; }

  static std::string Field(const fs::path& package, const std::string& field) {
    return OutputOf({"dpkg-deb", "--field", package, field}).value_or("");
  }

  static inline fs::path client_;
  static inline fs::path host_;

 private:
  static inline TempDir* directory_ = nullptr;
};

TEST_F(PackagesTest, TheyAreAClientAndAHost) {
  EXPECT_EQ(Field(client_, "Package"), "banger-client\n");
  EXPECT_EQ(Field(host_, "Package"), "banger\n");
  EXPECT_EQ(Field(client_, "Version"), Field(host_, "Version"));
}

TEST_F(PackagesTest, TheyDependOnWhatTheyUse) {
  EXPECT_THAT(Field(client_, "Depends"), AllOf(HasSubstr("libgrpc++"), Not(HasSubstr("nftables"))));
  EXPECT_THAT(Field(host_, "Depends"), AllOf(HasSubstr("banger-client (= "), HasSubstr("nftables"),
                                             HasSubstr("libsqlite3-0"), HasSubstr("systemd")));
  EXPECT_THAT(Field(host_, "Recommends"), AllOf(HasSubstr("iputils-ping"), HasSubstr("qemu-system-x86")));
}

TEST_F(PackagesTest, EverythingIsRootsAndBelowUsr) {
  for (const fs::path& package : {client_, host_}) {
    ASSERT_OK_AND_ASSIGN(const std::string listing, OutputOf({"dpkg-deb", "--contents", package}));
    for (const absl::string_view line : absl::StrSplit(listing, '\n', absl::SkipEmpty())) {
      EXPECT_TRUE(absl::StrContains(line, " root/root ")) << line;
      EXPECT_TRUE(absl::StrContains(line, " ./usr/")) << line;
    }
  }
}

// Debian's zsh looks into vendor-completions below /usr, and not into site-functions.
TEST_F(PackagesTest, ShellsFindTheirCompletion) {
  ASSERT_OK_AND_ASSIGN(const std::string listing, OutputOf({"dpkg-deb", "--contents", client_}));
  for (const char* file : {"bash-completion/completions/banger", "zsh/vendor-completions/_banger",
                           "fish/vendor_completions.d/banger.fish"})
    EXPECT_THAT(listing, HasSubstr(std::string(" ./usr/share/") + file + "\n"));
}

TEST_F(PackagesTest, UnitsNameProgramsOfThePackage) {
  const TempDir unpacked = *TempDir::Create();
  ASSERT_OK(OutputOf({"dpkg-deb", "--extract", host_, unpacked.path()}).status());
  for (const std::string daemon : {"gateway", "imaged", "kerneld", "netd", "vmd"}) {
    const std::string program = "/usr/libexec/banger/banger-" + daemon;
    ASSERT_OK_AND_ASSIGN(
        const std::string unit,
        ReadFile(unpacked.path().string() + "/usr/lib/systemd/system/banger-" + daemon + ".service"));
    EXPECT_THAT(unit, HasSubstr("\nExecStart=" + program + "\n"));
    EXPECT_TRUE(fs::exists(unpacked.path().string() + program)) << program;
  }
}

TEST_F(PackagesTest, MaintainerScriptsAreShellAndDeletesStateOnlyOnPurge) {
  const TempDir control = *TempDir::Create();
  ASSERT_OK(OutputOf({"dpkg-deb", "--control", host_, control.path()}).status());
  for (const char* script : {"postinst", "prerm", "postrm"}) {
    EXPECT_OK(OutputOf({"sh", "-n", control.path() / script}).status());
    ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(control.path() / script));
    const std::size_t removal = text.find("-delete");
    if (removal != std::string::npos) {
      EXPECT_LT(text.find("= purge"), removal) << script;
    }
  }
}

}  // namespace
}  // namespace banger
