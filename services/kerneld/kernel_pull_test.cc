// Pulls of tarballs from the network to the disk: everything real but the server,
// which does whatever a test wants.
#include <gtest/gtest.h>

#include <thread>

#include "common/archive/compress_for_tests.h"
#include "common/digest/sha256.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/countdown.h"
#include "common/testing/status_matchers.h"
#include "services/kerneld/adapters/disk_store.h"
#include "services/kerneld/adapters/kernel_importer.h"
#include "services/kerneld/adapters/tarball_download.h"
#include "services/kerneld/core/kernel_manager.h"
#include "services/kerneld/testing/fakes.h"
#include "services/kerneld/testing/kernel_files.h"

namespace banger::kerneld {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace std::chrono_literals;
using Request = http::HttpServer::Request;
using Client = http::HttpServer::Client;

// Two versions of a kernel that differ in their file beside vmlinux, too.
TarBuilder Bundle(const std::string& version) {
  return TarBuilder()
      .File("vmlinux", MakeVmlinux({.version = version}))
      .File("modules/modules.builtin", "kernel/drivers/block/virtio_blk.ko\n" + version);
}

class KernelPullTest : public ::testing::Test {
 protected:
  // The catalog has `tarball`; what the server gives is another matter.
  void Offer(const std::string& tarball) {
    catalogs_.entries = {{.id = "k",
                          .distro = "test",
                          .arch = "x86_64",
                          .tarball_url = server_.Url("/k.tar.zst"),
                          .tarball_sha256 = Sha256Hex(tarball),
                          .size_bytes = static_cast<std::int64_t>(tarball.size())}};
  }
  void OfferAndServe(const std::string& tarball) {
    Offer(tarball);
    const http::ServedFile file{.content = tarball};
    answer_ = [file](const Request& request, Client& client) { file.Answer(request, client); };
  }
  absl::StatusOr<Kernel> Pull(bool force = false, const std::stop_token& stop = {}) {
    return kernels_.Pull(
        "k", force, [](const Progress&) {}, stop);
  }
  // As PullErrors end: nothing staged, and of the name only `version`.
  void ExpectOnly(const std::string& version) {
    EXPECT_TRUE(fs::is_empty(root_ / ".staging"));
    if (version.empty()) {
      EXPECT_FALSE(fs::exists(root_ / "k"));
      return;
    }
    EXPECT_EQ(kernels_.Get("k")->kernel_version, version);
    EXPECT_TRUE(*ReadFile(root_ / "k/vmlinux") == MakeVmlinux({.version = version}));
    EXPECT_THAT(ReadFile(root_ / "k/modules/modules.builtin"), IsOkAndHolds(HasSubstr(version)));
  }
  std::string PullReason() { return ErrorReason(Pull(/*force=*/true).status()); }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path root_ = dir_->path() / "kernels";
  http::HttpServer::Handler answer_ = [](const Request&, Client&) {};
  http::HttpServer server_{[this](const Request& request, Client& client) { answer_(request, client); }};
  const std::unique_ptr<DiskStore> store_ = *DiskStore::Open(root_);
  KernelImporter importer_{[] { return absl::StatusOr<fs::path>("/none"); }};
  FakePackages packages_;
  TarballDownload tarballs_{{.max_retries = 1, .first_delay = 1ms, .longest_delay = 1ms}};
  FakeCatalogs catalogs_{{}};
  KernelManager kernels_{*store_, importer_, packages_, tarballs_, catalogs_};
};

const std::string& Old() {
  static const std::string tarball = CompressForTests(Bundle("6.1-old").Build(), "zstd");
  return tarball;
}
const std::string& New() {
  static const std::string tarball = CompressForTests(Bundle("6.2-new").Build(), "zstd");
  return tarball;
}

TEST_F(KernelPullTest, APulledKernelSaysWhereItCameFrom) {
  OfferAndServe(Old());
  ASSERT_OK_AND_ASSIGN(const Kernel kernel, Pull());
  EXPECT_EQ(kernel.source, "pull:" + server_.Url("/k.tar.zst"));
  EXPECT_EQ(kernel.distro, "test");
  EXPECT_TRUE(kernel.has_modules);
  ExpectOnly("6.1-old");
  EXPECT_THAT(Pull(), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(server_.requests(), SizeIs(1));
}

TEST_F(KernelPullTest, ForceReplacesAsAWholeAndWhoHasTheOldFileKeepsIt) {
  OfferAndServe(Old());
  ASSERT_OK(Pull());
  fs::create_hard_link(root_ / "k/vmlinux", dir_->path() / "vm-has-it");
  OfferAndServe(New());
  ASSERT_OK(Pull(/*force=*/true));
  ExpectOnly("6.2-new");
  EXPECT_TRUE(*ReadFile(dir_->path() / "vm-has-it") == MakeVmlinux({.version = "6.1-old"}));
}

TEST_F(KernelPullTest, ATransferThatBreaksAgainAndAgainIsTakenUp) {
  Offer(New());
  const http::ServedFile file{.content = New(), .cut_after = New().size() / 5};
  answer_ = [file](const Request& request, Client& client) { file.Answer(request, client); };
  ASSERT_OK(Pull());
  EXPECT_GE(server_.requests().size(), 5U);
  ExpectOnly("6.2-new");
}

TEST_F(KernelPullTest, AFailureAtAnyByteLeavesNoTraceAndTheOldKernel) {
  for (const bool have_old : {false, true}) {
    if (have_old) {
      OfferAndServe(Old());
      ASSERT_OK(Pull());
    }
    Offer(New());
    for (std::size_t cut = 0; cut < New().size(); cut += 1 + New().size() / 97) {
      // The same part of it for each try: no try gets on.
      answer_ = [cut](const Request& request, Client& client) {
        http::ServedFile{.content = New(), .etag = "W/\"1\"", .cut_after = cut}.Answer(request, client);
      };
      EXPECT_EQ(PullReason(), "SOURCE_UNREACHABLE") << cut;
      ExpectOnly(have_old ? "6.1-old" : "");
      // A server that calls the part the whole.
      answer_ = [cut](const Request&, Client& client) {
        client.Send("HTTP/1.1 200 OK\r\n\r\n" + New().substr(0, cut));
      };
      EXPECT_EQ(PullReason(), "KERNEL_CORRUPT") << cut;
      ExpectOnly(have_old ? "6.1-old" : "");
    }
  }
}

TEST_F(KernelPullTest, OtherBytesThanTheCatalogSaysAreRefused) {
  OfferAndServe(Old());
  ASSERT_OK(Pull());
  Offer(New());
  std::string flipped = New();
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  // A sound kernel, but not that one; of another size, too.
  for (const std::string& other : {flipped, Old(), New() + "x"}) {
    answer_ = [other](const Request&, Client& client) { client.Send(http::Response("200 OK", {}, other)); };
    EXPECT_EQ(PullReason(), "KERNEL_CORRUPT");
    ExpectOnly("6.1-old");
  }
  std::string same_size = Old();
  same_size.resize(New().size());
  answer_ = [same_size](const Request&, Client& client) {
    client.Send("HTTP/1.1 200 OK\r\n\r\n" + same_size);
  };
  EXPECT_EQ(PullReason(), "KERNEL_CORRUPT");
  ExpectOnly("6.1-old");
}

TEST_F(KernelPullTest, TrailingGarbageIsRefusedEvenWhenItWasPublished) {
  const std::string tar = Bundle("6.1").Build();
  for (const std::string& tarball :
       {CompressForTests(tar, "zstd") + "garbage", CompressForTests(tar + "garbage", "zstd"),
        CompressForTests(tar + std::string(2 << 20, '\0'), "zstd")}) {
    OfferAndServe(tarball);
    const std::string reason = PullReason();
    EXPECT_TRUE(reason == "KERNEL_CORRUPT" || reason == "ARCHIVE_REFUSED") << reason;
    ExpectOnly("");
  }
  OfferAndServe(CompressForTests(tar + std::string(9000, '\0'), "zstd"));
  EXPECT_OK(Pull()) << "padding is none";
}

TEST_F(KernelPullTest, BundlesWithoutASoundKernelAreRefused) {
  const auto tarball = [](const TarBuilder& tar) { return CompressForTests(tar.Build(), "zstd"); };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {tarball(TarBuilder().File("readme", "no kernel")), "KERNEL_CORRUPT"},
      {tarball(TarBuilder().Directory("vmlinux/")), "KERNEL_CORRUPT"},
      {tarball(TarBuilder().Symlink("vmlinux", "/etc/passwd")), "KERNEL_CORRUPT"},
      {tarball(TarBuilder().File("vmlinux", "no ELF")), "KERNEL_CORRUPT"},
      {tarball(TarBuilder().File("vmlinux", MakeVmlinux({.machine = 183}))), "KERNEL_UNSUITABLE"},
      {tarball(TarBuilder().File("vmlinux", MakeVmlinux({.virtio_blk = false}))), "KERNEL_UNSUITABLE"},
      {tarball(TarBuilder().File("vmlinux", MakeVmlinux({.cut_off = 100}))), "KERNEL_CORRUPT"},
      // Of two members with one name the last one counts.
      {tarball(Bundle("6.1").File("vmlinux", "no ELF")), "KERNEL_CORRUPT"},
      {tarball(Bundle("6.1").Symlink("vmlinux", "modules/x")), "KERNEL_CORRUPT"},
      {tarball(Bundle("6.1").File("../evil", "x")), "ARCHIVE_REFUSED"},
      {tarball(Bundle("6.1").File("/evil", "x")), "ARCHIVE_REFUSED"},
      {tarball(Bundle("6.1").Symlink("modules/a", "../../evil")), "ARCHIVE_REFUSED"},
      {tarball(Bundle("6.1").Symlink("a", "/tmp").File("a/evil", "x")), "ARCHIVE_REFUSED"},
      {CompressForTests(Bundle("6.1").Build(), "gzip"), "KERNEL_CORRUPT"},
      {"hello", "KERNEL_CORRUPT"}};
  for (const auto& [bytes, reason] : cases) {
    OfferAndServe(bytes);
    EXPECT_EQ(PullReason(), reason) << &bytes - &cases[0].first;
    ExpectOnly("");
  }
}

TEST_F(KernelPullTest, ASmallFileThatUnpacksToTerabytesIsRefusedBeforeItFillsTheDisk) {
  constexpr char kSize[] = "4398046511104";
  const std::string zeros(16 << 20, '\0');
  for (TarBuilder bomb : {TarBuilder().Pax("size", kSize),
                          TarBuilder()
                              .Pax("GNU.sparse.size", kSize)
                              .Pax("GNU.sparse.name", "vmlinux")
                              .Pax("GNU.sparse.map", "0,0"),
                          TarBuilder().Pax("size", kSize).File("not-wanted", "").Pax("size", kSize)}) {
    const std::string tarball = CompressForTests(bomb.File("vmlinux", "").Build() + zeros, "zstd");
    EXPECT_LT(tarball.size(), 10'000U);
    OfferAndServe(tarball);
    EXPECT_EQ(PullReason(), "ARCHIVE_REFUSED");
    ExpectOnly("");
  }
}

TEST_F(KernelPullTest, AMillionMembersInASmallFileAreRefused) {
  std::string thousand;
  for (int i = 0; i < 1000; ++i) thousand += TarBuilder().Directory("d").Build().substr(0, 512);
  const std::string frame = CompressForTests(thousand, "zstd");
  std::string tarball;
  for (int i = 0; i < 1000; ++i) tarball += frame;
  OfferAndServe(tarball + CompressForTests(Bundle("6.1").Build(), "zstd"));
  EXPECT_EQ(PullReason(), "ARCHIVE_REFUSED");
  ExpectOnly("");
}

TEST_F(KernelPullTest, ServersThatRefuseOrLieAreNamed) {
  Offer(New());
  for (const char* status : {"404 x", "416 x", "403 x", "429 x", "500 x", "503 x"}) {
    answer_ = [status](const Request&, Client& client) { client.Send(http::Response(status, {}, "")); };
    EXPECT_THAT(Pull(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(server_.Url("/k.tar.zst"))))
        << status;
  }
  for (const char* target : {"/k.tar.zst", "http://kernels.example/", "file:///etc/passwd"}) {
    const std::string location = std::string("Location: ") + target;
    answer_ = [location](const Request&, Client& client) {
      client.Send(http::Response("302 Found", {location}, ""));
    };
    EXPECT_EQ(PullReason(), "SOURCE_UNREACHABLE") << target;
  }
  ExpectOnly("");
}

TEST_F(KernelPullTest, ManyPullsOfOneNameDownloadOnce) {
  constexpr int kCallers = 32;
  Offer(New());
  Countdown called(kCallers);
  answer_ = [&called](const Request& request, Client& client) {
    called.Wait();
    http::ServedFile{.content = New()}.Answer(request, client);
  };
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < kCallers; ++i) {
      callers.emplace_back([&] {
        called.CountDown();
        const absl::Status status = Pull().status();
        // Who came too late to join finds it there.
        if (status.ok() || absl::IsAlreadyExists(status)) ++good;
      });
    }
  }
  EXPECT_EQ(good, kCallers);
  EXPECT_THAT(server_.requests(), SizeIs(1));
  ExpectOnly("6.2-new");
}

TEST_F(KernelPullTest, OneWaiterThatLeavesReturnsAtOnceAndTheOthersGoOn) {
  Offer(New());
  Countdown asked(1);
  Countdown go_on(1);
  answer_ = [&](const Request& request, Client& client) {
    asked.CountDown();
    go_on.Wait();
    http::ServedFile{.content = New()}.Answer(request, client);
  };
  std::stop_source stop;
  absl::Status patient;
  std::jthread other([&] { patient = Pull().status(); });
  asked.Wait();
  absl::Status left;
  std::jthread leaver([&] { left = Pull(false, stop.get_token()).status(); });
  stop.request_stop();
  leaver.join();
  EXPECT_THAT(left, StatusIs(absl::StatusCode::kCancelled));
  go_on.CountDown();
  other.join();
  EXPECT_OK(patient);
  EXPECT_THAT(server_.requests(), SizeIs(1));
}

TEST_F(KernelPullTest, StoppingWhileTheServerStallsLeavesNoTrace) {
  Offer(New());
  std::stop_source stop;
  answer_ = [&stop](const Request&, Client& client) {
    client.Send("HTTP/1.1 200 OK\r\n\r\n" + New().substr(0, New().size() / 2));
    stop.request_stop();
    client.WaitUntilGone();
  };
  EXPECT_THAT(Pull(false, stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
  // The work may end a moment after its last caller; then nothing is left.
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!fs::is_empty(root_ / ".staging") && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  ExpectOnly("");
}

TEST_F(KernelPullTest, RemovingDuringAPullIsClearAndThePullStandsAfterwards) {
  OfferAndServe(Old());
  ASSERT_OK(Pull());
  Offer(New());
  answer_ = [this](const Request& request, Client& client) {
    EXPECT_OK(kernels_.Delete("k", {}));
    http::ServedFile{.content = New()}.Answer(request, client);
  };
  EXPECT_OK(Pull(/*force=*/true));
  ExpectOnly("6.2-new");
}

}  // namespace
}  // namespace banger::kerneld
