#include "cli/update/staging.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/update/testing/release_tree.h"
#include "common/digest/sha256.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

class StagingTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::set<std::string>> UnpackBytes(const std::string& bytes) {
    staging_.reset();
    auto made = Staging::Create(prefix_.path());
    if (!made.ok()) return made.status();
    staging_.emplace(*std::move(made));
    const absl::Status written = WriteFileAtomically(staging_->tarball(), bytes);
    return written.ok() ? Unpack(*staging_, {}) : written;
  }
  std::string FaultOf(const TarBuilder& tar) {
    return std::string(UnpackBytes(Compressed(tar)).status().message());
  }

  const TempDir prefix_ = *TempDir::Create();
  std::optional<Staging> staging_;
};

TEST_F(StagingTest, AReleaseIsUnpackedAsFilesOfOurs) {
  ASSERT_OK_AND_ASSIGN(const std::set<std::string> files, UnpackBytes(Compressed(FakeRelease().Tar())));
  EXPECT_THAT(files, AllOf(Contains("bin/banger"), Contains("libexec/banger/guest/ld.so")));
  struct stat info {};
  ASSERT_EQ(::stat((staging_->tree() / "bin/banger").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
  EXPECT_EQ(info.st_uid, ::geteuid());
  ASSERT_EQ(::stat((staging_->tree() / "share/banger/config.toml").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644u);
  EXPECT_FALSE(fs::exists(staging_->tarball()));
  staging_.reset();
  EXPECT_TRUE(fs::is_empty(prefix_.path()));
}

TEST_F(StagingTest, UnitsNameThePrefix) {
  ASSERT_OK(UnpackBytes(Compressed(FakeRelease().Tar())));
  EXPECT_THAT(ReadFile(staging_->tree() / "lib/systemd/system/banger-vmd.service"),
              IsOkAndHolds(HasSubstr(absl::StrCat("\nExecStart=", prefix_.path().string(),
                                                  "/libexec/banger/banger-vmd --flag\n"))));
  for (const std::string line : {"ExecStart=/bin/sh -c evil", "ExecStartPre=/bin/sh", "ExecStart=!/bin/sh"})
    EXPECT_THAT(FaultOf(FakeRelease().Tar().File("lib/systemd/system/banger-vmd.service",
                                                 absl::StrCat("[Service]\n", line, "\n"))),
                HasSubstr("starts something else"))
        << line;
}

TEST_F(StagingTest, NothingButBangersOwnNamesIsTaken) {
  for (const std::string path :
       {"etc/passwd", "bin/sh", "lib/systemd/system/ssh.service", "banger", "sbin/banger", "usr/bin/banger",
        "lib/modprobe.d/x.conf", "share/man/man1/ls.1"})
    EXPECT_THAT(FaultOf(FakeRelease().Tar().File(path, "x")), HasSubstr("is nothing of banger's")) << path;
  for (const std::string path : {"/etc/banger", "../banger", "bin/../../banger", "share/banger/../../../x"})
    EXPECT_THAT(UnpackBytes(Compressed(FakeRelease().Tar().File(path, "x"))),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << path;
  EXPECT_EQ(ItemOf("libexec/banger/guest/ld.so"), "libexec/banger");
  EXPECT_EQ(ItemOf("share/man/man1/banger-vm.1"), "share/man/man1/banger-vm.1");
  EXPECT_EQ(ItemOf("share/doc/banger-client/copyright"), "share/doc/banger-client");
  EXPECT_EQ(ItemOf("bin"), "");
  EXPECT_EQ(ItemOf(""), "");
}

TEST_F(StagingTest, NeitherLinksNorDevicesNorModesThatGiveRights) {
  const std::string path = "libexec/banger/x";
  for (const char type : {'1', '2', '3', '4', '6'})
    EXPECT_THAT(FaultOf(FakeRelease().Tar().Add(
                    {.path = path, .type = type, .content = "", .link_target = "bin/banger"})),
                HasSubstr("is neither a file nor a directory"))
        << type;
  for (const unsigned mode : {04755u, 02755u, 01755u})
    EXPECT_THAT(FaultOf(FakeRelease().Tar().File(path, "x", mode)), HasSubstr("runs it as somebody else"));
}

TEST_F(StagingTest, WhatIsCutOffOrHasMoreBehindItIsRefused) {
  const std::string good = Compressed(FakeRelease().Tar());
  for (const std::size_t length : {std::size_t{0}, std::size_t{3}, good.size() / 2, good.size() - 1})
    EXPECT_THAT(UnpackBytes(good.substr(0, length)).status(), Not(IsOk())) << length;
  EXPECT_THAT(UnpackBytes(absl::StrCat(good, "x")).status(), Not(IsOk()));
  EXPECT_THAT(UnpackBytes(FakeRelease().Tar().Build()).status(), Not(IsOk())) << "not compressed";
}

TEST_F(StagingTest, WhatBangerCannotDoWithoutIsThere) {
  TarBuilder tar;
  tar.File("bin/banger", "x", 0755);
  EXPECT_THAT(FaultOf(tar), HasSubstr("there is no 'lib/systemd/system/banger.target'"));
}

TEST_F(StagingTest, WhatAnEarlierOneLeftGoesUnlessItIsUndecided) {
  const fs::path left = prefix_.path() / ".banger-update";
  ASSERT_OK(MakeDirectories(left / "tree/bin"));
  ASSERT_OK(WriteFileAtomically(left / "tree/bin/banger", "half"));
  EXPECT_FALSE(Staging::Find(prefix_.path()).has_value());
  EXPECT_TRUE(fs::exists(left)) << "only looked";
  ASSERT_OK(Staging::Create(prefix_.path()));
  EXPECT_FALSE(fs::exists(left));

  ASSERT_OK(MakeDirectories(left));
  ASSERT_OK(WriteFileAtomically(left / "journal.json", "{}"));
  EXPECT_TRUE(Staging::Find(prefix_.path()).has_value());
  EXPECT_THAT(Staging::Create(prefix_.path()).status(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(fs::exists(left / "journal.json"));
}

// In a child with a file system that is too small.
TEST_F(StagingTest, AFullDiskLeavesNothing) {
  FakeRelease release;
  const std::string bytes =
      CompressForTests(release.Tar().File("libexec/banger/large", std::string(4 << 20, 'x')).Build(), "zstd");
  const pid_t child = ::fork();
  if (child == 0) {
    const fs::path disk = prefix_.path();
    if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
        ::mount("none", disk.c_str(), "tmpfs", 0, "size=1m") != 0)
      ::_exit(77);
    const auto unpacked = UnpackBytes(bytes);
    staging_.reset();
    const bool said = absl::StrContains(std::string(unpacked.status().message()), "No space left");
    ::_exit(said && fs::is_empty(disk) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "cannot mount";
  EXPECT_EQ(status, 0);
}

// A release behind a web server.
class DownloadTest : public StagingTest {
 protected:
  absl::Status Fetch(const http::ServedFile& file) {
    const http::HttpServer server(
        [&file](const http::HttpServer::Request& request, http::HttpServer::Client& client) {
          file.Answer(request, client);
        });
    release_.tarball.url = server.Url("/a.tar.zst");
    auto made = Staging::Create(prefix_.path());
    if (!made.ok()) return made.status();
    staging_.emplace(*std::move(made));
    http::FetchOptions fetch;
    fetch.max_retries = 1;
    fetch.first_delay = std::chrono::milliseconds(1);
    const absl::Status fetched =
        Download(release_, *staging_, fetch, [this](const Progress& progress) { last_ = progress; }, {});
    return fetched;
  }

  const std::string bytes_ = Compressed(FakeRelease().Tar());
  Release release_{
      .id = "",
      .version = "0.2.0",
      .commit = "",
      .arch = "",
      .tarball = {
          .url = "", .sha256 = Sha256Hex(bytes_), .size_bytes = static_cast<std::int64_t>(bytes_.size())}};
  Progress last_;
};

TEST_F(DownloadTest, GoodBytesArrive) {
  ASSERT_OK(Fetch({.content = bytes_}));
  EXPECT_THAT(ReadFile(staging_->tarball()), IsOkAndHolds(bytes_));
  EXPECT_EQ(last_.stage, "download");
  EXPECT_EQ(last_.total_bytes, static_cast<std::int64_t>(bytes_.size()));
}

TEST_F(DownloadTest, OtherBytesAreRefused) {
  std::string tampered = bytes_;
  tampered[tampered.size() / 2] ^= 1;
  EXPECT_THAT(Fetch({.content = tampered}), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("SHA-256")));
  staging_.reset();
  EXPECT_THAT(Fetch({.content = absl::StrCat(bytes_, "x")}), StatusIs(absl::StatusCode::kDataLoss));
  staging_.reset();
  EXPECT_THAT(Fetch({.content = bytes_.substr(1)}), StatusIs(absl::StatusCode::kDataLoss));
  staging_.reset();
  EXPECT_TRUE(fs::is_empty(prefix_.path()));
}

TEST_F(DownloadTest, ATransferThatBreaksOffIsNoRelease) {
  EXPECT_THAT(Fetch({.content = bytes_, .cut_after = 0, .ranges = false}).code(),
              ::testing::AnyOf(absl::StatusCode::kUnavailable, absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace banger::cli
