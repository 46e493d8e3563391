#include "cli/update/vet.h"

#include "absl/strings/str_cat.h"
#include "cli/update/staging.h"
#include "cli/update/testing/release_tree.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class VetReleaseTest : public ::testing::Test {
 protected:
  // Of what the list announces as 0.2.0 with store 8.
  absl::Status Vet(const TarBuilder& tar) {
    auto staging = Staging::Create(prefix_.path());
    if (!staging.ok()) return staging.status();
    absl::Status written = WriteFileAtomically(staging->tarball(), Compressed(tar));
    if (!written.ok()) return written;
    const auto files = Unpack(*staging, {});
    if (!files.ok()) return files.status();
    const FakeRelease announced;
    return VetRelease({.id = "",
                       .version = announced.version,
                       .commit = announced.commit,
                       .arch = "",
                       .tarball = {},
                       .store_version = announced.store},
                      staging->tree(), *files, {});
  }

  const TempDir prefix_ = *TempDir::Create();
};

TEST_F(VetReleaseTest, WhatIsAsAnnouncedIsGood) { EXPECT_OK(Vet(FakeRelease().Tar())); }

TEST_F(VetReleaseTest, AnotherVersionCommitOrStoreIsNot) {
  EXPECT_THAT(Vet(FakeRelease{.version = "0.1.0"}.Tar()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("banger 0.1.0 (")));
  EXPECT_THAT(Vet(FakeRelease{.commit = "ffff"}.Tar()), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Vet(FakeRelease{.store = 7}.Tar()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("store 7")));
  EXPECT_THAT(Vet(FakeRelease().Tar().File("libexec/banger/banger-gateway",
                                           FakeRelease{.version = "0.1.9"}.Daemon("banger-gateway"), 0755)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("banger-gateway 0.1.9")));
}

TEST_F(VetReleaseTest, AProgramThatDoesNotRunHereIsNot) {
  EXPECT_THAT(Vet(FakeRelease().Tar().File("libexec/banger/banger-vmd",
                                           "\x7f"
                                           "ELF of another machine",
                                           0755)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("banger-vmd --version")));
  EXPECT_THAT(Vet(FakeRelease().Tar().File("bin/banger", "#!/bin/sh\nexit 1\n", 0755)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("banger --version")));
}

TEST_F(VetReleaseTest, NorADaemonThatDoesNotTakeTheConfiguration) {
  const std::string refuses = absl::StrCat(FakeRelease().Daemon("banger-gateway"),
                                           "[ \"$1\" != --check-config ] || { echo 'config.toml:3: old_key "
                                           "is not a key' >&2; exit 2; }\n");
  EXPECT_THAT(
      Vet(FakeRelease().Tar().File("libexec/banger/banger-gateway", refuses, 0755)),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("banger-gateway --check-config"), HasSubstr("config.toml:3: old_key"))));
}

}  // namespace
}  // namespace banger::cli
