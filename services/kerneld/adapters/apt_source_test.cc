#include "services/kerneld/adapters/apt_source.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/archive/archive_reader.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::kerneld {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr char kKernel[] = "linux-image-6.1.0-1-test";

// Package sources of files in a directory, read by the real apt.
class AptSourceTest : public ::testing::Test {
 protected:
  AptSourceTest() {
    for (const char* name : {"repo", "work", "parts"}) fs::create_directories(dir_->path() / name);
  }

  // A source with a meta package and the kernel that it leads to.
  void MakeRepository(const std::string& content, const std::string& sha256) {
    EXPECT_OK(WriteFileAtomically(dir_->path() / "repo" / "kernel.deb", content, 0644));
    EXPECT_OK(WriteFileAtomically(
        dir_->path() / "repo" / "Packages",
        absl::StrCat(
            "Package: linux-image-test\nArchitecture: all\nVersion: 6.1.9\nFilename: none.deb\nSize: 1\n"
            "SHA256: ",
            Sha256Hex("x"), "\nDepends: base (>= 1), ", kKernel, " (= 6.1.9-2)\nDescription: meta\n\n",
            "Package: ", kKernel, "\nArchitecture: all\nVersion: 6.1.9-2\nFilename: ./kernel.deb\nSize: ",
            content.size(), "\nSHA256: ", sha256, "\nDescription: kernel\n\n"),
        0644));
  }
  void SetSources(const std::string& lines) {
    EXPECT_OK(WriteFileAtomically(dir_->path() / "sources.list", lines, 0644));
  }
  std::string TrustedLine() const {
    return absl::StrCat("deb [trusted=yes] file:", (dir_->path() / "repo").string(), " ./\n");
  }
  absl::StatusOr<FetchedPackage> Fetch(const std::string& package, const std::stop_token& stop = {}) {
    return source_.Fetch(
        package, dir_->path() / "work", [](const Progress&) {}, stop);
  }
  std::vector<std::string> Sources() const {
    return {absl::StrCat("Dir::Etc::sourcelist=", dir_->path().string(), "/sources.list"),
            absl::StrCat("Dir::Etc::sourceparts=", dir_->path().string(), "/parts")};
  }
  // As the host's administrator does it.
  void UpdateHost() {
    std::vector<std::string> argv = {"apt-get",
                                     "update",
                                     "-q",
                                     "-o",
                                     "APT::Sandbox::User=root",
                                     "-o",
                                     absl::StrCat("Dir::State::lists=", host_lists_.string()),
                                     "-o",
                                     absl::StrCat("Dir::Cache=", dir_->path().string(), "/cache"),
                                     "-o",
                                     "APT::Update::Post-Invoke-Success::=true"};
    for (const std::string& option : Sources()) {
      argv.emplace_back("-o");
      argv.push_back(option);
    }
    fs::create_directories(host_lists_ / "partial");
    fs::create_directories(dir_->path() / "cache");
    EXPECT_OK(RunCommandOk({.argv = argv}));
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path host_lists_ = dir_->path() / "host-lists";
  AptSource source_{{.state_dir = dir_->path() / "apt", .host_lists = host_lists_, .apt_options = Sources()}};
};

TEST_F(AptSourceTest, FollowsAMetaPackageToTheKernel) {
  MakeRepository("the deb", Sha256Hex("the deb"));
  SetSources(TrustedLine());
  ASSERT_OK_AND_ASSIGN(const FetchedPackage package, Fetch("linux-image-test"));
  EXPECT_EQ(package.package.name, kKernel);
  EXPECT_EQ(package.package.version, "6.1.9-2");
  EXPECT_EQ(package.package.size_bytes, 7);
  EXPECT_THAT(ReadAll(*package.bytes, 100), IsOkAndHolds("the deb"));
}

TEST_F(AptSourceTest, ListsThatAreHereAreLookedIntoAndNoOthersFetched) {
  MakeRepository("the deb", Sha256Hex("the deb"));
  SetSources(TrustedLine());
  EXPECT_THAT(source_.Find("linux-image-test", {}), StatusIs(absl::StatusCode::kNotFound)) << "no lists yet";
  ASSERT_OK(Fetch("linux-image-test"));
  ASSERT_OK_AND_ASSIGN(const PackageVersion found, source_.Find("linux-image-test", {}));
  EXPECT_EQ(found.name, kKernel);
  EXPECT_EQ(found.version, "6.1.9-2");
  EXPECT_EQ(found.size_bytes, 7);
  MakeRepository("a newer deb", Sha256Hex("a newer deb"));
  EXPECT_EQ(source_.Find("linux-image-test", {})->size_bytes, 7) << "our lists are as they were";
}

TEST_F(AptSourceTest, TheHostsOwnListsCountWhenTheyAreNewer) {
  MakeRepository("the deb", Sha256Hex("the deb"));
  SetSources(TrustedLine());
  UpdateHost();
  EXPECT_EQ(source_.Find("linux-image-test", {})->size_bytes, 7);
  ASSERT_OK(Fetch("linux-image-test"));
  EXPECT_FALSE(fs::exists(dir_->path() / "apt/lists-updated")) << "the host's were enough";
  // Only the lists know of it yet: a pull finds out that they are behind.
  MakeRepository("a newer deb", Sha256Hex("a newer deb"));
  ASSERT_OK_AND_ASSIGN(const FetchedPackage package, Fetch("linux-image-test"));
  EXPECT_EQ(package.package.size_bytes, 11);
  EXPECT_EQ(source_.Find("linux-image-test", {})->size_bytes, 11) << "ours are newer now";
  MakeRepository("the newest of all", Sha256Hex("the newest of all"));
  UpdateHost();
  EXPECT_EQ(source_.Find("linux-image-test", {})->size_bytes, 17);
}

TEST_F(AptSourceTest, ANewerVersionIsFoundWhenTheListsAreOld) {
  MakeRepository("old", Sha256Hex("old"));
  SetSources(TrustedLine());
  ASSERT_OK(Fetch(kKernel));
  MakeRepository("newer", Sha256Hex("newer"));
  ASSERT_OK_AND_ASSIGN(const FetchedPackage package, Fetch(kKernel));
  EXPECT_THAT(ReadAll(*package.bytes, 100), IsOkAndHolds("newer"));
}

TEST_F(AptSourceTest, ADeadSourceBesidesDoesNotMatter) {
  MakeRepository("the deb", Sha256Hex("the deb"));
  SetSources("deb http://127.0.0.1:9/debian dead main\n" + TrustedLine());
  EXPECT_OK(Fetch("linux-image-test"));
}

TEST_F(AptSourceTest, APackageWithAnotherHashIsNotTaken) {
  MakeRepository("the deb", Sha256Hex("another"));
  SetSources(TrustedLine());
  EXPECT_THAT(Fetch("linux-image-test"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("linux-image-test")));
}

TEST_F(AptSourceTest, AnUnsignedSourceIsNotTaken) {
  MakeRepository("the deb", Sha256Hex("the deb"));
  SetSources(absl::StrCat("deb file:", (dir_->path() / "repo").string(), " ./\n"));
  EXPECT_THAT(Fetch("linux-image-test"), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(AptSourceTest, AnUnknownPackageIsNamed) {
  MakeRepository("the deb", Sha256Hex("the deb"));
  SetSources(TrustedLine());
  EXPECT_THAT(Fetch("linux-image-none"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("'linux-image-none'")));
}

// A server that takes a connection and says nothing.
TEST_F(AptSourceTest, StoppingEndsAptAndItsHelpers) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  SetSources(absl::StrCat("deb http://127.0.0.1:", ntohs(address.sin_port), "/debian silent main\n"));

  std::stop_source stop;
  absl::Status result;
  std::jthread caller([&] { result = Fetch("linux-image-test", stop.get_token()).status(); });
  pollfd arrival{listener.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&arrival, 1, 30'000), 1);
  const UniqueFd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  stop.request_stop();
  caller.join();
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kCancelled));

  // apt's helper held the other end; it is gone when that closes.
  const timeval patience{30, 0};
  ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char byte = 0;
  ssize_t count = 0;
  do {
    count = ::recv(connection.get(), &byte, 1, 0);
  } while (count > 0);
  EXPECT_TRUE(count == 0 || errno == ECONNRESET);
}

TEST(PackageRecordTest, ReadsTheFirstParagraph) {
  const PackageRecord record = ParsePackageRecord(
      "Package: linux-image-amd64\nVersion: 6.1\nSize: 12\nDepends: a, x | linux-image-6.1-amd64 (= 1) , "
      "linux-image-other\n\nPackage: second\n");
  EXPECT_EQ(record.name, "linux-image-amd64");
  EXPECT_EQ(record.version, "6.1");
  EXPECT_EQ(record.size_bytes, 12);
  EXPECT_EQ(record.kernel_dependency, "linux-image-6.1-amd64");
}

}  // namespace
}  // namespace banger::kerneld
