// The ways to an image beside registries, each killed, cancelled and out of disk at
// random moments: the image is there as a whole or not at all, nothing is left
// behind, and the next try succeeds.
#include <functional>
#include <map>

#include "common/digest/testing/minisign_signer.h"
#include "common/http/testing/http_server.h"
#include "tests/integration/imaged_fixture.h"
#include "tests/integration/small_disk.h"

namespace banger {
namespace {

namespace fs = std::filesystem;
using Import = ImagedDaemon::Import;

constexpr int kPoints = 10;

struct Way {
  std::string name;
  Import::Format format = Import::FORMAT_UNSPECIFIED;  // when it is an import
};

class ImagedWaysTest : public ImagedFaultsTest, public ::testing::WithParamInterface<Way> {
 protected:
  static void SetUpTestSuite() { own_mounts_ = EnterOwnMounts(); }
  static inline bool own_mounts_ = false;

  // Everything of this test lies below `root`; the first try succeeds undisturbed.
  void Begin(const fs::path& root) {
    ASSERT_OK(WriteFileAtomically(own_file_.path() / "rootfs.ext4", Sample().ext4()));
    ASSERT_OK(MakeDirectories(root));
    ASSERT_OK(WriteFileAtomically(
        root / "config.toml", absl::StrCat("[images]\nin_place_dirs = [\"", own_file_.path().string(),
                                           "\"]\n[[image_catalogs]]\nurl = \"", server_.Url("/catalog.json"),
                                           "\"\npublic_key = \"", signer_.public_key(), "\"\n")));
    StartIn(root);
    Prepare();
    const auto begin = Clock::now();
    ASSERT_OK(Take());
    whole_ = Clock::now() - begin;
    EXPECT_TRUE(IsTaken());
    Forget();
    before_ = daemon_->Files();
    descriptors_ = daemon_->descriptors();
    Prepare();
  }

  bool IsPromotion() const { return GetParam().name == "Promote"; }

  // What has to be there before.
  void Prepare() {
    if (IsPromotion()) {
      ASSERT_OK(daemon_->Register(kId, own_file_.path() / "rootfs.ext4"));
    }
  }

  absl::Status Take(const std::stop_token& stop = {}) {
    if (IsPromotion()) return daemon_->Promote(kId, stop).status();
    if (GetParam().format != Import::FORMAT_UNSPECIFIED)
      return daemon_->ImportBytes(kId, GetParam().format, BytesOf(GetParam().format), stop).status();
    image::v1::PullImageRequest request;
    request.set_reference(kId);
    return daemon_->Pull(request, stop).status();
  }

  static const std::string& BytesOf(Import::Format format) {
    switch (format) {
      case Import::FORMAT_OCI_LAYOUT:
        return Sample().layout();
      case Import::FORMAT_DOCKER_ARCHIVE:
        return Sample().docker_archive();
      case Import::FORMAT_EXT4:
        return Sample().ext4();
      case Import::FORMAT_BUNDLE:
        return Sample().bundle();
      default:
        return Sample().rootfs_tar();
    }
  }

  // Whether the image is there, whole; else there must be no trace of it. One that
  // is not promoted yet is its owner's file still, and nothing of it is ours.
  bool IsTaken() {
    EXPECT_TRUE(Eventually([this] { return fs::is_empty(daemon_->Directory(".staging")); }));
    if (!IsPromotion()) {
      ExpectNothingHalfMade();
      return IsThere();
    }
    const auto image = daemon_->Get(kId);
    EXPECT_OK(image);
    if (image.ok() && !image->in_place()) return IsThere();
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(daemon_->Directory(kId)))
      names.insert(entry.path().filename().string());
    EXPECT_EQ(names, (std::set<std::string>{"leases", "manifest.json"}));
    return false;
  }

  void ExpectTheNextToSucceed() {
    if (!IsTaken()) {
      ASSERT_OK(Take());
    }
    EXPECT_TRUE(IsTaken());
    Forget();
    Prepare();
  }

  void ExpectTheHostAsBefore() {
    if (IsPromotion()) {
      ASSERT_OK(daemon_->Delete(kId));
    }
    EXPECT_EQ(daemon_->Files(), before_);
    EXPECT_EQ(daemon_->children(), 0u);
    EXPECT_TRUE(Eventually([this] { return daemon_->descriptors() <= descriptors_; }));
    EXPECT_TRUE(fs::exists(own_file_.path() / "rootfs.ext4"));
  }

  void Answer(const http::HttpServer::Request& request, http::HttpServer::Client& client) const {
    http::ServedFile{.content = files_.at(request.target)}.Answer(request, client);
  }

  // The catalog with the bundle.
  std::map<std::string, std::string> Publish() const {
    const std::string catalog = absl::StrCat(
        R"({"version": 1, "entries": [{"name": ")", kId, R"(", "arch": "x86_64", "bundle_url": ")",
        server_.Url("/bundle"), R"(", "bundle_sha256": ")", Sha256Hex(Sample().bundle()),
        R"(", "size_bytes": )", Sample().bundle().size(), "}]}");
    return {{"/catalog.json", catalog},
            {"/catalog.json.minisig", signer_.Sign(catalog)},
            {"/bundle", Sample().bundle()}};
  }

  const MinisignSigner signer_;
  const TempDir own_file_ = *TempDir::Create("/var/tmp");
  http::HttpServer server_{[this](const auto& request, auto& client) { Answer(request, client); }};
  const std::map<std::string, std::string> files_ = Publish();
  Clock::duration whole_{};
  std::vector<std::string> before_;
  std::size_t descriptors_ = 0;
};

TEST_P(ImagedWaysTest, AKillAtAnyMomentLeavesTheWholeImageOrNothing) {
  const TempDir root = *TempDir::Create("/tmp");
  Begin(root.path());
  for (int i = 0; i < kPoints; ++i) {
    SCOPED_TRACE(i);
    std::jthread caller([this] { Take().IgnoreError(); });
    SleepWithin(whole_);
    ASSERT_OK(daemon_->Kill());
    caller.join();
    ASSERT_OK(daemon_->Start());
    ExpectTheNextToSucceed();
  }
  ExpectTheHostAsBefore();
}

TEST_P(ImagedWaysTest, ACallerWhoLeavesAtAnyMomentLeavesTheWholeImageOrNothing) {
  const TempDir root = *TempDir::Create("/tmp");
  Begin(root.path());
  for (int i = 0; i < kPoints; ++i) {
    SCOPED_TRACE(i);
    std::stop_source stop;
    absl::Status taken;
    std::jthread caller([&] { taken = Take(stop.get_token()); });
    SleepWithin(whole_);
    stop.request_stop();
    caller.join();
    EXPECT_TRUE(taken.ok() || absl::IsCancelled(taken)) << taken;
    ExpectTheNextToSucceed();
  }
  ExpectTheHostAsBefore();
}

TEST_P(ImagedWaysTest, ADiskThatFillsUpAnywhereIsSaidAndLeavesNothing) {
  if (!own_mounts_) GTEST_SKIP() << "NOT RUN: mounts need root";
  ASSERT_OK_AND_ASSIGN(const SmallDisk disk, SmallDisk::Create(96 << 20));
  Begin(disk.root() / "banger");
  const std::int64_t available = disk.available();
  ASSERT_OK(Take());
  const std::int64_t needed = available - disk.available();
  ExpectTheNextToSucceed();
  for (int i = 0; i < kPoints; ++i) {
    const std::int64_t left = static_cast<std::int64_t>(random_()) % needed;
    SCOPED_TRACE(left);
    ASSERT_OK(disk.Fill(left));
    const absl::Status taken = Take();
    EXPECT_TRUE(taken.ok() || ErrorReason(taken) == "DISK_FULL") << taken;
    EXPECT_EQ(IsTaken(), taken.ok());
    disk.Clear();
    ExpectTheNextToSucceed();
  }
  ExpectTheHostAsBefore();
  ASSERT_OK(daemon_->Kill());
}

INSTANTIATE_TEST_SUITE_P(, ImagedWaysTest,
                         ::testing::Values(Way{"BundlePull"}, Way{"OciLayout", Import::FORMAT_OCI_LAYOUT},
                                           Way{"DockerArchive", Import::FORMAT_DOCKER_ARCHIVE},
                                           Way{"RootfsTar", Import::FORMAT_ROOTFS_TAR},
                                           Way{"Bundle", Import::FORMAT_BUNDLE},
                                           Way{"Ext4", Import::FORMAT_EXT4}, Way{"Promote"}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace banger
