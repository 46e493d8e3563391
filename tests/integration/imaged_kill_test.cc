// imaged is killed and cut off from its registry again and again in the middle of
// pulls: the image is there as a whole or not at all, nothing is left but what the
// next pull takes up, and that one succeeds.
#include "tests/integration/docker_registry.h"
#include "tests/integration/imaged_fixture.h"
#include "tests/integration/tcp_relay.h"

namespace banger {
namespace {

// Of a pull that fetches no layer: manifest, config, heads, a look for TLS.
constexpr std::int64_t kTalk = 64 << 10;

class ImagedKillTest : public ImagedFaultsTest {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(registry_, DockerRegistry::Start({}));
    ASSERT_OK(registry_->Push(Sample().layout(), "banger/sample:v1"));
    relay_.emplace(registry_->port());
    StartIn(dir_->path());
    before_ = daemon_->Files();
    ASSERT_OK(Pull());
    total_ = relay_->passed();
    ASSERT_GT(total_, Sample().blob_bytes());
    ASSERT_TRUE(IsThere());
    Forget();
    MeasureTheEnd();
    descriptors_ = daemon_->descriptors();
  }

  absl::StatusOr<ImagedDaemon::Image> Pull(const std::stop_token& stop = {}) {
    image::v1::PullImageRequest request;
    request.set_reference(absl::StrCat(relay_->host(), "/banger/sample:v1"));
    request.set_name(absl::StrCat("images/", kId));
    request.set_size_bytes(SampleImage::kFileSystemBytes);
    return daemon_->Pull(request, stop);
  }

  // How long a pull goes on behind the last bytes.
  void MeasureTheEnd() {
    relay_->Open();
    std::jthread caller([this] { EXPECT_OK(Pull()); });
    ASSERT_TRUE(Eventually([this] { return relay_->passed() >= total_ - kTalk; }));
    const auto begin = Clock::now();
    caller.join();
    end_ = Clock::now() - begin;
    Forget();
  }

  // The next pull fetches what is missing and no more; then all is forgotten.
  void ExpectTheNextPullToGoOn() {
    const std::int64_t missing = IsThere() ? 0 : Sample().blob_bytes() - CheckedCacheBytes();
    ASSERT_TRUE(Eventually([this] { return relay_->connections() == 0; }));
    relay_->Open();
    ASSERT_OK_AND_ASSIGN(const ImagedDaemon::Image image, Pull());
    EXPECT_LE(relay_->passed(), missing + kTalk);
    EXPECT_EQ(image.digest(), Sample().manifest_digest());
    EXPECT_EQ(image.size_bytes(), SampleImage::kFileSystemBytes);
    EXPECT_TRUE(IsThere());
    Forget();
  }

  void ExpectTheHostAsBefore() {
    EXPECT_EQ(daemon_->Files(), before_);
    EXPECT_EQ(daemon_->children(), 0u);
    EXPECT_TRUE(Eventually([this] { return daemon_->descriptors() <= descriptors_; }))
        << daemon_->descriptors() << " instead of " << descriptors_;
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create("/tmp");
  std::unique_ptr<DockerRegistry> registry_;
  std::optional<TcpRelay> relay_;
  std::vector<std::string> before_;
  std::size_t descriptors_ = 0;
  std::int64_t total_ = 0;  // bytes of a pull
  Clock::duration end_{};
};

TEST_F(ImagedKillTest, APullThatIsKilledAnywhereLeavesTheWholeImageOrNoneAndTheNextGoesOn) {
  int resumed = 0;
  int published = 0;
  for (int i = 0; i < 50; ++i) {
    SCOPED_TRACE(i);
    // Most while bytes arrive, each fifth behind the last one.
    const bool arriving = i % 5 != 4;
    const std::int64_t at =
        arriving ? 1 + static_cast<std::int64_t>(random_()) % (total_ - kTalk) : total_ - kTalk;
    relay_->HoldAt(arriving ? at : INT64_MAX);
    std::jthread caller([this] { Pull().IgnoreError(); });
    EXPECT_TRUE(Eventually([&] { return relay_->passed() >= at; }));
    if (!arriving) SleepWithin(end_ * 3 / 2);
    ASSERT_OK(daemon_->Kill());
    caller.join();
    relay_->Open();
    ASSERT_OK(daemon_->Start());
    ExpectNothingHalfMade();
    resumed += CheckedCacheBytes() > 0 ? 1 : 0;
    published += IsThere() ? 1 : 0;
    ExpectTheNextPullToGoOn();
  }
  EXPECT_GT(resumed, 0);
  RecordProperty("resumed", resumed);
  RecordProperty("published", published);
  ExpectTheHostAsBefore();
}

TEST_F(ImagedKillTest, ALineThatIsCutAnywhereIsTakenUpByThePullOrByTheNextOne) {
  for (int i = 0; i < 50; ++i) {
    SCOPED_TRACE(i);
    relay_->CutAt(1 + static_cast<std::int64_t>(random_()) % (total_ - kTalk));
    std::stop_source stop;
    absl::Status pulled;
    std::jthread caller([&] { pulled = Pull(stop.get_token()).status(); });
    ASSERT_TRUE(Eventually([this] { return relay_->broken(); }));
    const bool mended = i % 2 == 0;
    if (mended) {
      relay_->Open();
    } else {
      stop.request_stop();
    }
    caller.join();
    if (mended) {
      EXPECT_OK(pulled);
      EXPECT_TRUE(IsThere());
    } else {
      EXPECT_THAT(pulled, StatusIs(absl::StatusCode::kCancelled));
      ExpectNothingHalfMade();
      EXPECT_FALSE(IsThere());
    }
    ExpectTheNextPullToGoOn();
  }
  ExpectTheHostAsBefore();
}

TEST_F(ImagedKillTest, ALineThatStaysCutIsSaidAndLeavesNoImage) {
  relay_->CutAt(total_ / 2);
  const absl::Status pulled = Pull().status();
  EXPECT_EQ(ErrorReason(pulled), "SOURCE_UNREACHABLE") << pulled;
  EXPECT_THAT(std::string(pulled.message()), ::testing::HasSubstr(relay_->host()));
  ExpectNothingHalfMade();
  EXPECT_FALSE(IsThere());
  ExpectTheNextPullToGoOn();
  ExpectTheHostAsBefore();
}

}  // namespace
}  // namespace banger
