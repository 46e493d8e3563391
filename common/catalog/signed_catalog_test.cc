#include "common/catalog/signed_catalog.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "common/catalog/catalog_set.h"
#include "common/digest/testing/minisign_signer.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/sync/mutex.h"
#include "common/testing/status_matchers.h"

namespace banger::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

struct Thing {
  std::string id;
  std::string description;
  std::string catalog;
};
using Things = SignedCatalog<Thing>;
using ThingSet = CatalogSet<Thing>;

absl::StatusOr<Thing> ParseThing(const Json& item, const std::string& origin) {
  Thing thing{.catalog = origin};
  BANGER_RETURN_IF_ERROR(TakeStrings(item, {{"name", &thing.id}, {"description", &thing.description}}));
  return thing;
}

std::string CatalogText(int version, const std::string& name) {
  return absl::StrCat("{\"version\": ", version, ", \"entries\": [{\"name\": \"", name,
                      "\", \"description\": \"v", version, "\"}]}");
}

class SignedCatalogTest : public ::testing::Test {
 protected:
  void Serve(const std::string& path, const std::string& text) {
    const MutexLock lock(mutex_);
    files_[path] = text;
  }
  void Publish(const std::string& path, const std::string& text, bool prehashed = true) {
    Serve(path, text);
    Serve(path + ".minisig", signer_.Sign(text, prehashed));
  }
  void Offline() {
    const MutexLock lock(mutex_);
    files_.clear();
  }

  std::unique_ptr<Things> Open(const std::string& url, const std::string& key = {}) {
    absl::StatusOr<SignedDocument> document =
        SignedDocument::Create({.kind = "thing",
                                .url = url,
                                .public_key = key.empty() ? signer_.public_key() : key,
                                .copy = dir_->path() / "copies" / url.substr(url.rfind('/') + 1),
                                .fetch = {.max_retries = 1, .first_delay = 1ms, .longest_delay = 1ms}});
    EXPECT_OK(document);
    return std::make_unique<Things>(*std::move(document), ParseThing, 0ms);
  }
  std::unique_ptr<Things> Open() { return Open(server_.Url("/c.json")); }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const MinisignSigner signer_;
  Mutex mutex_;
  std::map<std::string, std::string> files_ ABSL_GUARDED_BY(mutex_);
  http::HttpServer server_{
      [this](const http::HttpServer::Request& request, http::HttpServer::Client& client) {
        const MutexLock lock(mutex_);
        const auto file = files_.find(request.target);
        client.Send(file == files_.end() ? http::Response("404 Not Found", {}, "")
                                         : http::Response("200 OK", {}, file->second));
      }};
};

TEST_F(SignedCatalogTest, BothFormsOfSignatureAreTaken) {
  Publish("/c.json", CatalogText(1, "a"));
  EXPECT_EQ(Open()->Load({})->catalog.entries[0].id, "a");
  Publish("/c.json", CatalogText(2, "b"), /*prehashed=*/false);
  ASSERT_OK_AND_ASSIGN(const auto loaded, Open()->Load({}));
  EXPECT_EQ(loaded.catalog.entries[0].id, "b");
  EXPECT_EQ(loaded.catalog.entries[0].catalog, server_.Url("/c.json"));
  EXPECT_OK(loaded.stale);
}

TEST_F(SignedCatalogTest, AFileIsAsGoodAsAnAddress) {
  const std::string path = dir_->path() / "c.json";
  ASSERT_OK(WriteFileAtomically(path, CatalogText(1, "a")));
  ASSERT_OK(WriteFileAtomically(path + ".minisig", signer_.Sign(CatalogText(1, "a"))));
  EXPECT_OK(Open(path)->Load({}));
  EXPECT_OK(Open("file://" + path)->Load({}));
}

TEST_F(SignedCatalogTest, WithoutAGoodSignatureNothingIsTaken) {
  Serve("/c.json", CatalogText(1, "a"));
  EXPECT_THAT(Open()->Load({}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("c.json.minisig")));
  Serve("/c.json.minisig", signer_.Sign(CatalogText(1, "b")));
  EXPECT_THAT(Open()->Load({}), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("does not fit")));
  Serve("/c.json.minisig", MinisignSigner().Sign(CatalogText(1, "a")));
  EXPECT_THAT(Open()->Load({}), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("another key")));
  Publish("/c.json", "{\"version\": 1}");
  EXPECT_THAT(Open()->Load({}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SignedCatalogTest, AnOlderVersionIsRefusedAlsoAfterARestart) {
  Publish("/c.json", CatalogText(5, "new"));
  ASSERT_OK(Open()->Load({}));
  Publish("/c.json", CatalogText(4, "old"));
  ASSERT_OK_AND_ASSIGN(const auto loaded, Open()->Load({}));
  EXPECT_EQ(loaded.catalog.entries[0].id, "new");
  EXPECT_THAT(loaded.stale,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("version 4 is older than 5")));
  Publish("/c.json", CatalogText(6, "newest"));
  EXPECT_EQ(Open()->Load({})->catalog.entries[0].id, "newest");
}

TEST_F(SignedCatalogTest, TheLastGoodCopyServesWhileNothingBetterIsThere) {
  Publish("/c.json", CatalogText(1, "a"));
  ASSERT_OK(Open()->Load({}));
  Offline();
  ASSERT_OK_AND_ASSIGN(const auto offline, Open()->Load({}));
  EXPECT_EQ(offline.catalog.entries[0].id, "a");
  EXPECT_THAT(offline.stale, StatusIs(absl::StatusCode::kNotFound));
  Serve("/c.json", "<html>captive portal</html>");
  Serve("/c.json.minisig", "<html>captive portal</html>");
  ASSERT_OK_AND_ASSIGN(const auto portal, Open()->Load({}));
  EXPECT_EQ(portal.catalog.entries[0].id, "a");
  EXPECT_THAT(portal.stale, StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(SignedCatalogTest, ACopyThatSomebodyChangedIsNotTrusted) {
  Publish("/c.json", CatalogText(1, "a"));
  ASSERT_OK(Open()->Load({}));
  Offline();
  const auto copy = dir_->path() / "copies" / "c.json";
  std::string text = *ReadFile(copy);
  text.replace(text.find("\\\"v1"), 4, "\\\"v2");
  ASSERT_OK(WriteFileAtomically(copy, text));
  EXPECT_FALSE(Open()->Load({}).ok());
  // Neither is one of another key.
  Publish("/c.json", CatalogText(9, "a"));
  ASSERT_OK(Open()->Load({}));
  Offline();
  EXPECT_FALSE(Open(server_.Url("/c.json"), MinisignSigner().public_key())->Load({}).ok());
}

TEST_F(SignedCatalogTest, WrongSettingsAreSaidAtOnce) {
  const auto create = [](const std::string& url, const std::string& key) {
    return SignedDocument::Create({.kind = "thing", .url = url, .public_key = key}).status();
  };
  EXPECT_THAT(create("http://kernels.example/c", signer_.public_key()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not https")));
  EXPECT_THAT(create("c.json", signer_.public_key()), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(create("https://x/c", "RWQ"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("public_key")));
}

TEST_F(SignedCatalogTest, OfTwoEntriesWithOneNameTheEarlierCatalogsCounts) {
  Publish("/one.json", CatalogText(1, "same"));
  Publish("/two.json", CatalogText(2, "same"));
  Publish("/three.json", CatalogText(3, "built-in-name"));
  ThingSet::Further further;
  for (const char* path : {"/one.json", "/two.json", "/three.json"})
    further.push_back(Open(server_.Url(path)));
  ThingSet set({.version = 1, .entries = {{.id = "built-in-name", .description = "ours"}}},
               std::move(further));
  ASSERT_OK_AND_ASSIGN(const ThingSet::Listing listing, set.List({}));
  std::vector<std::string> found;
  for (const Thing& entry : listing.entries) found.push_back(entry.id + " " + entry.description);
  EXPECT_THAT(found, ElementsAre("built-in-name ours", "same v1"));
  EXPECT_THAT(listing.warnings, IsEmpty());
  EXPECT_EQ(set.Find("same", {})->entry->description, "v1");
  EXPECT_EQ(set.Find("built-in-name", {})->entry->description, "ours");
  const auto none = set.Find("none", {});
  EXPECT_FALSE(none->entry.has_value());
  EXPECT_EQ(none->unreachable, "");
}

TEST_F(SignedCatalogTest, ACatalogThatIsAwayIsAWarningAndNoWayAroundIt) {
  Publish("/two.json", CatalogText(2, "same"));
  ThingSet::Further further;
  for (const char* path : {"/one.json", "/two.json"}) further.push_back(Open(server_.Url(path)));
  ThingSet set({.version = 1, .entries = {{.id = "ours"}}}, std::move(further));
  ASSERT_OK_AND_ASSIGN(const ThingSet::Listing listing, set.List({}));
  EXPECT_EQ(listing.entries.size(), 2U);
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("/one.json")));
  EXPECT_TRUE(set.Find("ours", {})->entry.has_value());
  const auto same = set.Find("same", {});
  EXPECT_FALSE(same->entry.has_value()) << "the earlier catalog may have it";
  EXPECT_THAT(same->unreachable, HasSubstr("/one.json"));
}

}  // namespace
}  // namespace banger::catalog
