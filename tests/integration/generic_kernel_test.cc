// The parts of scripts/make-generic-kernel.sh that need no compiler: which sources
// it takes, and whether a configuration is the wanted one. Keys and a release of a
// few lines are made here.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr char kScripts[] = BANGER_SOURCE_DIR "/scripts";
constexpr char kLibrary[] =
    "set -euo pipefail; cd \"$1\"; shift; for file in lib kernel/verify kernel/sources kernel/config; do . "
    "\"" BANGER_SOURCE_DIR "/scripts/$file.sh\"; done; \"$@\"";

class GenericKernelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new TempDir(*TempDir::Create("/tmp"));  // gpg's sockets want a short path
    fs::create_directories(Path("mirror/v9.x"));
    fs::create_directories(Path("gnupg"));
    fs::permissions(Path("gnupg"), fs::perms::owner_all);
    for (const char* user : {"signer", "stranger"})
      Gpg({"--quick-generate-key", user, "ed25519", "sign", "never"});
    Gpg({"--faked-system-time", "20200101T000000", "--quick-generate-key", "expired", "ed25519", "sign",
         "30d"});
    Gpg({"--quick-add-key", Fingerprints("stranger").front(), "ed25519", "sign", "never"});
    MakeRelease("9.9.2");
    Sign("signer", Path("mirror/v9.x/linux-9.9.2.tar"), Path("mirror/v9.x/linux-9.9.2.tar.sign"));
    Gpg({"--armor", "--output", Path("keys"), "--export"});
  }
  static void TearDownTestSuite() {
    RunCommand({.argv = {"gpgconf", "--homedir", Path("gnupg"), "--kill", "all"}}).status().IgnoreError();
    delete dir_;
  }

  void SetUp() override { fs::create_directories(Path("tree")); }
  void TearDown() override {
    for (const char* made : {"tree", "work", "bad"}) fs::remove_all(Path(made));
  }

  static std::string Path(const std::string& name) { return dir_->path() / name; }

  static std::string Gpg(std::vector<std::string> arguments) {
    const std::vector<std::string> gpg = {
        "gpg",          "--homedir", Path("gnupg"),     "--batch", "--quiet", "--no-tty",
        "--passphrase", "",          "--pinentry-mode", "loopback"};
    arguments.insert(arguments.begin(), gpg.begin(), gpg.end());
    const auto out = RunCommandOk({.argv = std::move(arguments)});
    EXPECT_OK(out);
    return out.value_or("");
  }
  // Of the primary key, then of its subkeys.
  static std::vector<std::string> Fingerprints(const std::string& user) {
    std::vector<std::string> found;
    for (const absl::string_view line : absl::StrSplit(Gpg({"--with-colons", "--list-keys", user}), '\n')) {
      const std::vector<std::string> fields = absl::StrSplit(line, ':');
      if (fields[0] == "fpr") found.push_back(fields[9]);
    }
    return found;
  }
  static void Sign(const std::string& key, const std::string& data, const std::string& signature,
                   const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments = options;
    arguments.insert(arguments.end(),
                     {"--local-user", key, "--yes", "--output", signature, "--detach-sign", data});
    Gpg(arguments);
  }
  // mirror/v9.x/linux-VERSION.tar and .tar.xz, with the sources of 9.9.2.
  static void MakeRelease(const std::string& version) {
    fs::create_directories(Path("linux"));
    ASSERT_OK(WriteFileAtomically(Path("linux/Makefile"), "VERSION = 9\nPATCHLEVEL = 9\nSUBLEVEL = 2\n"));
    const std::string tar = Path(absl::StrCat("mirror/v9.x/linux-", version, ".tar"));
    ASSERT_OK(RunCommandOk({.argv = {"tar", "-C", Path(""), "-cf", tar, "linux"}}));
    ASSERT_OK(RunCommandOk({.argv = {"xz", "-kf", tar}}));
  }

  // A function of scripts/kernel, run in the directory.
  static CommandResult Run(std::vector<std::string> words, const std::string& mirror = "mirror") {
    const std::vector<std::string> bash = {"bash", "-c", kLibrary, "test", Path("")};
    words.insert(words.begin(), bash.begin(), bash.end());
    return *RunCommand({.argv = std::move(words),
                        .env = std::vector<std::string>{
                            "PATH=/usr/bin:/bin", absl::StrCat("KERNEL_MIRROR=file://", Path(mirror))}});
  }
  // Of the release, against the fingerprints of `pins`.
  static CommandResult Verify(const std::string& signature, const std::string& pin,
                              const std::string& keys = "keys") {
    return Run({"verify_signature", keys, signature, "mirror/v9.x/linux-9.9.2.tar", pin});
  }
  // `who` signs the release with these options of gpg.
  static std::string SignedBy(const std::string& who, const std::vector<std::string>& options = {}) {
    Sign(who, Path("mirror/v9.x/linux-9.9.2.tar"), Path("signature"), options);
    return "signature";
  }
  static CommandResult Unpack(const std::string& version, const std::string& mirror = "mirror") {
    EXPECT_OK(WriteFileAtomically(Path("signers"),
                                  absl::StrCat("# pinned\n", Fingerprints("signer").front(), " A Signer\n")));
    return Run({"unpack_release", version, "keys", "signers", "work", "tree"}, mirror);
  }
  void ExpectNothingUnpacked() const {
    EXPECT_TRUE(fs::is_empty(Path("tree")));
    EXPECT_FALSE(fs::exists(Path("work/download/linux-9.9.2.tar")));
    EXPECT_FALSE(fs::exists(Path("work/download/linux-9.9.2.tar.xz")))
        << "the next run has to fetch it again";
  }

  static inline TempDir* dir_ = nullptr;
};

TEST_F(GenericKernelTest, OnlyASignatureByAPinnedKeyCounts) {
  const std::string pin = Fingerprints("signer").front();
  const CommandResult good = Verify("mirror/v9.x/linux-9.9.2.tar.sign", pin);
  EXPECT_TRUE(good.status.success()) << good.err;
  EXPECT_EQ(good.err, "");

  const CommandResult stranger = Verify(SignedBy("stranger"), pin);
  EXPECT_EQ(stranger.status.code, 1);
  EXPECT_THAT(stranger.err, HasSubstr("which is none of the pinned keys"));
  EXPECT_EQ(Run({"verify_signature", "keys", "signature", "mirror/v9.x/linux-9.9.2.tar"}).status.code, 1)
      << "no pin is not any key";
}

TEST_F(GenericKernelTest, ASubkeyCountsForItsPrimaryKeyOnly) {
  const std::vector<std::string> stranger = Fingerprints("stranger");
  const std::string signature = SignedBy(stranger.at(1) + "!");
  EXPECT_TRUE(Verify(signature, stranger[0]).status.success());
  EXPECT_EQ(Verify(signature, stranger[1]).status.code, 1);
  EXPECT_EQ(Verify(signature, Fingerprints("signer").front()).status.code, 1);
}

TEST_F(GenericKernelTest, KeysThatExpiredWereRevokedOrAreNotThereAreRefused) {
  const std::string expired = Fingerprints("expired").front();
  EXPECT_THAT(Verify(SignedBy("expired", {"--faked-system-time", "20200110T000000"}), expired).err,
              HasSubstr("signed by a key that has expired"));

  const std::string signer = Fingerprints("signer").front();
  std::string certificate = *ReadFile(Path(absl::StrCat("gnupg/openpgp-revocs.d/", signer, ".rev")));
  ASSERT_OK(
      WriteFileAtomically(Path("revocation"), certificate.erase(0, certificate.find("\n:-----BEGIN") + 2)));
  fs::create_directories(Path("other"));
  fs::permissions(Path("other"), fs::perms::owner_all);
  Gpg({"--homedir", Path("other"), "--no-autostart", "--import", Path("keys"), Path("revocation")});
  Gpg({"--homedir", Path("other"), "--no-autostart", "--output", Path("revoked"), "--export"});
  const CommandResult revoked = Verify("mirror/v9.x/linux-9.9.2.tar.sign", signer, "revoked");
  EXPECT_EQ(revoked.status.code, 1);
  EXPECT_THAT(revoked.err, HasSubstr("signed by a key that was revoked"));

  Gpg({"--yes", "--output", Path("others"), "--export", "stranger"});
  EXPECT_THAT(Verify("mirror/v9.x/linux-9.9.2.tar.sign", signer, "others").err,
              HasSubstr("a key that is not there"));
  EXPECT_THAT(Verify("mirror/v9.x/linux-9.9.2.tar.sign", signer, "nothing").err,
              HasSubstr("there are no keys in"));
}

TEST_F(GenericKernelTest, OtherKindsOfSignaturesAreRefused) {
  const std::string pin = Fingerprints("signer").front();
  EXPECT_THAT(Verify("missing", pin).err, HasSubstr("there is no signature"));
  EXPECT_THAT(Verify("keys", pin).err, HasSubstr("has no valid signature"));
  EXPECT_THAT(Verify(SignedBy("signer", {"--digest-algo", "SHA1"}), pin).err, HasSubstr("over a weak hash"));
  EXPECT_THAT(Verify(SignedBy("signer", {"--textmode"}), pin).err, HasSubstr("of another kind"));
  EXPECT_EQ(Verify(SignedBy("signer", {"--local-user", "stranger"}), pin).status.code, 1) << "two signatures";
}

TEST_F(GenericKernelTest, ARightlySignedReleaseIsUnpacked) {
  for (const char* version : {"9.9.2", "9.9"}) {
    ASSERT_OK(WriteFileAtomically(Path("mirror/v9.x/sha256sums.asc"),
                                  "1  linux-9.10.1.tar.xz\n2  linux-9.9.2.tar.xz\n3  linux-9.9.1.tar.xz\n"));
    const CommandResult unpacked = Unpack(version);
    EXPECT_TRUE(unpacked.status.success()) << unpacked.err;
    EXPECT_TRUE(fs::exists(Path("tree/Makefile"))) << version;
    fs::remove(Path("tree/Makefile"));
  }
  EXPECT_THAT(Unpack("9.8").err, HasSubstr("there is no release 9.8"));
}

TEST_F(GenericKernelTest, ATamperedReleaseIsNotUnpacked) {
  fs::copy(Path("mirror"), Path("bad"), fs::copy_options::recursive);
  const std::string tar = Path("bad/v9.x/linux-9.9.2.tar");
  std::string bytes = *ReadFile(tar);
  bytes.replace(bytes.find("SUBLEVEL = 2"), 12, "SUBLEVEL = 6");
  ASSERT_OK(WriteFileAtomically(tar, bytes));
  ASSERT_OK(RunCommandOk({.argv = {"xz", "-kf", tar}}));
  EXPECT_THAT(Unpack("9.9.2", "bad").err, HasSubstr("'linux-9.9.2.tar' is not what was signed"));
  ExpectNothingUnpacked();

  ASSERT_OK(WriteFileAtomically(tar + ".xz", "no xz at all"));
  EXPECT_THAT(Unpack("9.9.2", "bad").err, HasSubstr("cannot decompress"));
  ExpectNothingUnpacked();

  fs::remove(tar + ".sign");
  EXPECT_THAT(Unpack("9.9.2", "bad").err, HasSubstr("cannot fetch"));
  ExpectNothingUnpacked();
}

// Old releases keep their good signatures.
TEST_F(GenericKernelTest, ARightlySignedReleaseUnderAnotherNameIsRefused) {
  fs::copy(Path("mirror"), Path("bad"), fs::copy_options::recursive);
  for (const char* suffix : {".tar.xz", ".tar.sign"})
    fs::rename(Path(absl::StrCat("bad/v9.x/linux-9.9.2", suffix)),
               Path(absl::StrCat("bad/v9.x/linux-9.9.3", suffix)));
  const CommandResult renamed = Unpack("9.9.3", "bad");
  EXPECT_EQ(renamed.status.code, 1);
  EXPECT_THAT(renamed.err, HasSubstr("'linux-9.9.3.tar.xz' has the sources of 9.9.2"));
}

// The script as users call it takes no other pins than its own.
TEST_F(GenericKernelTest, TheScriptRefusesWhatItsPinnedKeysDidNotSign) {
  const CommandResult refused =
      *RunCommand({.argv = {absl::StrCat(kScripts, "/make-generic-kernel.sh"), "--version", "9.9.2",
                            "--keyring", Path("keys"), "--work", Path("work"), "--output", Path("output")},
                   .env = std::vector<std::string>{"PATH=/usr/bin:/bin",
                                                   absl::StrCat("KERNEL_MIRROR=file://", Path("mirror"))}});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("which is none of the pinned keys"));
  EXPECT_FALSE(fs::exists(Path("output")));
  EXPECT_FALSE(fs::exists(Path("work/kernel.org-9.9.2")));
}

TEST_F(GenericKernelTest, SymbolsThatTheKernelDoesNotTakeAreNamed) {
  ASSERT_OK(WriteFileAtomically(
      Path("fragment"),
      "# a comment\nCONFIG_A=y\nCONFIG_B=y\nCONFIG_C=n\nCONFIG_D=n\nCONFIG_E=\"x\"\nCONFIG_F=1\n"));
  ASSERT_OK(WriteFileAtomically(
      Path("config"),
      "CONFIG_A=y\n# CONFIG_B is not set\n# CONFIG_C is not set\nCONFIG_D=y\nCONFIG_E=\"x\"\nCONFIG_F=16\n"));
  EXPECT_EQ(Run({"missing_symbols", "fragment", "config"}).out, "CONFIG_B=y\nCONFIG_D=n\nCONFIG_F=1\n");
}

}  // namespace
}  // namespace banger
