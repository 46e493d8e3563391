#include "services/imaged/adapters/registry/registry_client.h"

#include <atomic>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/http/testing/http_server.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::imaged {
namespace {

using http::HttpServer;
using http::Response;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace std::chrono_literals;

constexpr char kManifestType[] = "application/vnd.oci.image.manifest.v1+json";
const oci::RegistryPatience kQuick{.max_retries = 2,
                                   .first_delay = 1ms,
                                   .longest_delay = 1500ms,
                                   .connect_timeout = 2s,
                                   .low_speed = 1000,
                                   .low_speed_time = 1s};

std::string DigestOf(const std::string& text) { return "sha256:" + Sha256Hex(text); }

// A registry with one repository a/b, whose answers a test may bend.
class Registry {
 public:
  using Handler = HttpServer::Handler;

  std::string host() const { return absl::StrCat("127.0.0.1:", server_.port()); }
  const HttpServer& server() const { return server_; }

  // The manifests and blobs that were asked for.
  std::vector<HttpServer::Request> Asked() const {
    std::vector<HttpServer::Request> asked;
    for (const HttpServer::Request& request : server_.requests())
      if (request.target != "/v2/") asked.push_back(request);
    return asked;
  }

  Handler handler = [](const HttpServer::Request&, HttpServer::Client& client) {
    client.Send(Response("404 Not Found", {}, "{}"));
  };

 private:
  HttpServer server_{[this](const HttpServer::Request& request, HttpServer::Client& client) {
    if (request.target == "/v2/") {
      client.Send(Response("200 OK", {}, "{}"));
    } else {
      handler(request, client);
    }
  }};
};

HttpServer::Handler Always(std::string answer) {
  return [answer = std::move(answer)](const HttpServer::Request&, HttpServer::Client& client) {
    client.Send(answer);
  };
}

class RegistryClientTest : public ::testing::Test {
 protected:
  std::unique_ptr<RegistryClient> Client(const std::string& version = ":v1") {
    RegistryClientOptions options{.reference = *oci::ParseReference(registry_.host() + "/a/b" + version),
                                  .registries = registries_,
                                  .patience = kQuick};
    options.credentials = credentials_;
    return *RegistryClient::Create(std::move(options));
  }

  absl::Status Fetch(const Descriptor& blob, std::string& bytes, std::int64_t offset = 0) {
    return Client()->Fetch(blob, offset,
                           [&bytes](absl::string_view piece) {
                             bytes.append(piece.data(), piece.size());
                             return absl::OkStatus();
                           },
                           {});
  }

  void ExpectResolveError(const std::string& answer, const std::string& reason,
                          const std::string& version = ":v1") {
    registry_.handler = Always(answer);
    const absl::Status status = Client(version)->Resolve({}).status();
    EXPECT_EQ(ErrorReason(status), reason) << status;
  }

  Registry registry_;
  std::vector<RegistryConfig> registries_;
  oci::Credentials credentials_;
};

TEST_F(RegistryClientTest, ATagIsResolvedToBytesThatProveTheirDigest) {
  const std::string text = R"({"layers":[]})";
  registry_.handler = Always(Response("200 OK",
                                      {absl::StrCat("Content-Type: ", kManifestType, "; charset=utf-8"),
                                       "Docker-Content-Digest: " + DigestOf(text)},
                                      text));
  ASSERT_OK_AND_ASSIGN(const RegistryClient::Root root, Client()->Resolve({}));
  EXPECT_EQ(root.text, text);
  EXPECT_EQ(root.descriptor.digest, DigestOf(text));
  EXPECT_EQ(root.descriptor.media_type, kManifestType);
  ASSERT_THAT(registry_.Asked(), SizeIs(1));
  EXPECT_EQ(registry_.Asked()[0].target, "/v2/a/b/manifests/v1");
  EXPECT_THAT(registry_.Asked()[0].Header("accept"), HasSubstr("image.index.v1+json"));
  EXPECT_THAT(registry_.Asked()[0].Header("accept"), HasSubstr("manifest.list.v2+json"));
}

TEST_F(RegistryClientTest, BytesOfAnotherDigestAreRefused) {
  const std::string zeros(64, '0');
  ExpectResolveError(Response("200 OK", {"Docker-Content-Digest: sha256:" + zeros}, "{}"), "DIGEST_MISMATCH");
  ExpectResolveError(Response("200 OK", {"Docker-Content-Digest: md5:1"}, "{}"), "DIGEST_MISMATCH");
  ExpectResolveError(Response("200 OK", {"Docker-Content-Digest: " + DigestOf("{}")}, "{}"),
                     "DIGEST_MISMATCH", "@sha256:" + zeros);
  ExpectResolveError(Response("200 OK", {"Docker-Content-Digest: " + DigestOf("{}")}, "{}"),
                     "DIGEST_MISMATCH", "@sha512:" + zeros + zeros);
}

TEST_F(RegistryClientTest, DocumentsAreCheckedAgainstDigestAndSize) {
  registry_.handler = Always(Response("200 OK", {}, "{}"));
  const auto read = [this](const std::string& digest, std::int64_t size) {
    return Client()->ReadDocument({kManifestType, digest, size}, {});
  };
  EXPECT_THAT(read(DigestOf("{}"), 2), IsOkAndHolds("{}"));
  EXPECT_EQ(ErrorReason(read(DigestOf("{}"), 3).status()), "IMAGE_CORRUPT");
  EXPECT_EQ(ErrorReason(read(DigestOf("{}"), 1).status()), "IMAGE_CORRUPT");
  EXPECT_EQ(ErrorReason(read(DigestOf("[]"), 2).status()), "DIGEST_MISMATCH");
}

TEST_F(RegistryClientTest, AnswersBecomeTheErrorsOfTheApi) {
  ExpectResolveError(Response("404 Not Found", {}, ""), "REMOTE_IMAGE_NOT_FOUND");
  ExpectResolveError(Response("401 Unauthorized", {"WWW-Authenticate: Basic realm=x"}, ""),
                     "REGISTRY_LOGIN_NEEDED");
  ExpectResolveError(Response("401 Unauthorized", {}, ""), "REGISTRY_LOGIN_NEEDED");
  ExpectResolveError(Response("403 Forbidden", {}, ""), "REGISTRY_DENIED");
  ExpectResolveError(Response("500 Oh", {}, ""), "SOURCE_UNREACHABLE");
  ExpectResolveError(Response("418 Teapot", {}, ""), "SOURCE_UNREACHABLE");
  ExpectResolveError(Response("307 Round", {"Location: /v2/a/b/manifests/v1"}, ""), "SOURCE_UNREACHABLE");
  ExpectResolveError(Response("307 Away", {"Location: http://reg.example/x"}, ""), "SOURCE_UNREACHABLE");
  ExpectResolveError(Response("429 Later", {"Retry-After: 3600"}, ""), "SOURCE_UNREACHABLE");
  ExpectResolveError(Response("200 OK", {}, std::string(5 << 20, ' ')), "IMAGE_CORRUPT");
  ExpectResolveError("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{}",
                     "SOURCE_UNREACHABLE");
  ExpectResolveError("nonsense\r\n\r\n", "SOURCE_UNREACHABLE");
}

TEST_F(RegistryClientTest, ALoginThatIsNotTakenIsNotRepeated) {
  credentials_ = {.username = "me", .password = "wr0ng"};
  registry_.handler = Always(Response("401 Unauthorized", {"WWW-Authenticate: Basic realm=x"}, ""));
  const absl::Status status = Client()->Resolve({}).status();
  EXPECT_EQ(ErrorReason(status), "REGISTRY_LOGIN_NEEDED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not take the login"));
  EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr("wr0ng")));
  EXPECT_THAT(registry_.Asked(), SizeIs(2));
}

TEST_F(RegistryClientTest, WhoSaysLaterIsAskedLater) {
  std::atomic<int> asked = 0;
  registry_.handler = [&asked](const HttpServer::Request&, HttpServer::Client& client) {
    client.Send(asked++ == 0 ? Response("429 Too Many", {"Retry-After: 0"}, "")
                             : Response("200 OK", {}, "{}"));
  };
  EXPECT_OK(Client()->Resolve({}));
}

TEST_F(RegistryClientTest, BrokenBlobsAreTakenUp) {
  const http::ServedFile file{.content = std::string(1000, 'x') + std::string(1000, 'y'), .cut_after = 700};
  registry_.handler = [&file](const HttpServer::Request& request, HttpServer::Client& client) {
    file.Answer(request, client);
  };
  std::string bytes;
  EXPECT_OK(Fetch({"", DigestOf(file.content), 2000}, bytes, 100));
  EXPECT_EQ(bytes, file.content.substr(100));
  EXPECT_EQ(registry_.Asked()[0].RangeStart(), 100);
}

TEST_F(RegistryClientTest, BlobsOfAnotherSizeAreRefused) {
  registry_.handler = Always(Response("200 OK", {}, "12345"));
  std::string bytes;
  EXPECT_EQ(ErrorReason(Fetch({"", DigestOf("x"), 6}, bytes)), "IMAGE_CORRUPT");
  EXPECT_EQ(ErrorReason(Fetch({"", DigestOf("x"), 4}, bytes)), "IMAGE_CORRUPT");
  EXPECT_OK(Fetch({"", DigestOf("x"), 5}, bytes, 5));
}

TEST_F(RegistryClientTest, TheSinksErrorIsGivenBackAsItIs) {
  registry_.handler = Always(Response("200 OK", {}, "12345"));
  const absl::Status full = absl::ResourceExhaustedError("no space left");
  EXPECT_EQ(Client()->Fetch({"", DigestOf("x"), 5}, 0, [&full](absl::string_view) { return full; }, {}),
            full);
}

TEST_F(RegistryClientTest, AStopEndsAFetchThatStands) {
  std::stop_source stop;
  registry_.handler = [&stop](const HttpServer::Request&, HttpServer::Client& client) {
    client.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n1");
    stop.request_stop();
    client.WaitUntilGone();
  };
  const absl::Status status = Client()->Fetch(
      {"", DigestOf("x"), 100}, 0, [](absl::string_view) { return absl::OkStatus(); }, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST_F(RegistryClientTest, ASlowLorisIsGivenUp) {
  registry_.handler = [](const HttpServer::Request&, HttpServer::Client& client) {
    client.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    client.WaitUntilGone();
  };
  EXPECT_EQ(ErrorReason(Client()->Resolve({}).status()), "SOURCE_UNREACHABLE");
}

TEST_F(RegistryClientTest, MirrorsAreAskedFirstAndHearOfNoLogin) {
  Registry empty, mirror;
  registries_ = {{.host = registry_.host(), .mirrors = {empty.host(), mirror.host()}}};
  credentials_ = {.username = "me", .password = "s3cret"};
  mirror.handler = [](const HttpServer::Request& request, HttpServer::Client& client) {
    client.Send(absl::EndsWith(request.target, "v1")
                    ? Response("200 OK", {}, "{}")
                    : Response("401 Unauthorized", {"WWW-Authenticate: Basic realm=x"}, ""));
  };
  registry_.handler = Always(Response("200 OK", {}, "[]"));
  EXPECT_EQ(Client()->Resolve({})->text, "{}");
  EXPECT_THAT(empty.Asked(), SizeIs(1));
  EXPECT_THAT(registry_.Asked(), SizeIs(0));
  std::string bytes;
  EXPECT_OK(Fetch({"", DigestOf("[]"), 2}, bytes));
  EXPECT_EQ(bytes, "[]");
  for (const HttpServer::Request& request : mirror.Asked()) EXPECT_EQ(request.Header("authorization"), "");
}

TEST_F(RegistryClientTest, TheRegistryGoesOnWhereAMirrorBreaks) {
  Registry mirror;
  registries_ = {{.host = registry_.host(), .mirrors = {mirror.host()}}};
  const http::ServedFile file{.content = std::string(1000, 'x') + std::string(1000, 'y')};
  mirror.handler = [&file](const HttpServer::Request& request, HttpServer::Client& client) {
    if (request.RangeStart() > 0) return;
    http::ServedFile cut = file;
    cut.cut_after = 1200;
    cut.Answer(request, client);
  };
  registry_.handler = [&file](const HttpServer::Request& request, HttpServer::Client& client) {
    file.Answer(request, client);
  };
  std::string bytes;
  EXPECT_OK(Fetch({"", DigestOf(file.content), 2000}, bytes));
  EXPECT_EQ(bytes, file.content);
  ASSERT_THAT(registry_.Asked(), SizeIs(1));
  EXPECT_EQ(registry_.Asked()[0].RangeStart(), 1200);
}

}  // namespace
}  // namespace banger::imaged
