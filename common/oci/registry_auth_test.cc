#include "common/oci/registry_auth.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/http/testing/http_server.h"
#include "common/http/url.h"
#include "common/oci/registry_endpoint.h"
#include "common/oci/token.h"
#include "common/testing/status_matchers.h"

namespace banger::oci {
namespace {

using http::HttpServer;
using http::Response;
using ::testing::HasSubstr;
using ::testing::Not;

std::string BasicOf(const std::string& login) { return "Basic " + absl::Base64Escape(login); }

// A registry whose /secret wants what `challenge` says, and takes `accepted`; its
// /token gives "t1".
class RegistryAuthTest : public ::testing::Test {
 protected:
  void Serve(const HttpServer::Request& request, HttpServer::Client& client) {
    if (absl::StartsWith(request.target, "/token")) {
      token_requests_.push_back(request);
      client.Send(Response(token_status_, {}, token_answer_));
    } else if (request.target == "/v2/") {
      client.Send(Response("200 OK", {}, "{}"));
    } else if (request.target == "/elsewhere") {
      client.Send(Response("307 Temporary Redirect", {"Location: " + other_}, ""));
    } else if (request.Header("authorization") == accepted_) {
      client.Send(Response("200 OK", {}, "hello"));
    } else {
      ++refused_;
      client.Send(Response("401 Unauthorized", {"WWW-Authenticate: " + challenge_}, ""));
    }
  }

  absl::Status Get(const Credentials& credentials, const std::string& path = "/secret",
                   const std::string& scope = "repository:a/b:pull") {
    RegistryEndpoint endpoint({.registry = {.host = absl::StrCat("127.0.0.1:", server_.port())},
                               .credentials = credentials,
                               .scope = scope,
                               .pool = *http::ConnectionPool::Create(),
                               .patience = {.max_retries = 1, .first_delay = std::chrono::milliseconds(1)}});
    return endpoint.Get({.path = path}, {}).status();
  }

  std::string TokenChallenge() const {
    return absl::StrCat("Bearer realm=\"", server_.Url("/token"), "\",service=\"reg\"");
  }

  std::string challenge_ = "Basic realm=\"x\"";
  std::string accepted_ = BasicOf("me:s3cret");
  std::string token_status_ = "200 OK";
  std::string token_answer_ = R"({"token":"t1","expires_in":300})";
  std::string other_;
  int refused_ = 0;
  std::vector<HttpServer::Request> token_requests_;
  HttpServer server_{[this](const HttpServer::Request& r, HttpServer::Client& c) { Serve(r, c); }};
};

TEST_F(RegistryAuthTest, BasicIsSentOnlyWhenAskedFor) {
  EXPECT_OK(Get({.username = "me", .password = "s3cret"}));
  EXPECT_EQ(refused_, 1);
}

TEST_F(RegistryAuthTest, AWrongPasswordIsTriedOnceAndNotRepeated) {
  EXPECT_THAT(Get({.username = "me", .password = "wr0ng"}),
              StatusIs(absl::StatusCode::kUnauthenticated, Not(HasSubstr("wr0ng"))));
  EXPECT_EQ(refused_, 2);
}

TEST_F(RegistryAuthTest, WithoutALoginBasicIsRefused) {
  EXPECT_THAT(Get({}), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("401")));
  EXPECT_EQ(refused_, 1);
}

TEST_F(RegistryAuthTest, ATokenIsFetchedWithTheLoginForTheScope) {
  challenge_ = TokenChallenge();
  accepted_ = "Bearer t1";
  EXPECT_OK(Get({.username = "me", .password = "s3cret"}));
  ASSERT_EQ(token_requests_.size(), 1u);
  EXPECT_EQ(token_requests_[0].target, "/token?service=reg&scope=repository%3Aa%2Fb%3Apull&account=me");
  EXPECT_EQ(token_requests_[0].Header("authorization"), BasicOf("me:s3cret"));
}

TEST_F(RegistryAuthTest, TheScopeOfTheChallengeCounts) {
  challenge_ = TokenChallenge() + ",scope=\"repository:c:pull\"";
  accepted_ = "Bearer t1";
  EXPECT_OK(Get({}));
  ASSERT_EQ(token_requests_.size(), 1u);
  EXPECT_EQ(token_requests_[0].target, "/token?service=reg&scope=repository%3Ac%3Apull");
  EXPECT_EQ(token_requests_[0].Header("authorization"), "");
}

TEST_F(RegistryAuthTest, AnIdentityTokenIsExchangedByOAuth2) {
  challenge_ = TokenChallenge();
  accepted_ = "Bearer t2";
  token_answer_ = R"({"access_token":"t2"})";
  EXPECT_OK(Get({.identity_token = "refresh&me"}));
  ASSERT_EQ(token_requests_.size(), 1u);
  EXPECT_EQ(token_requests_[0].method, "POST");
  EXPECT_EQ(token_requests_[0].body,
            "grant_type=refresh_token&service=reg&client_id=banger&scope=repository%3Aa%2Fb%3Apull&"
            "refresh_token=refresh%26me");
}

TEST_F(RegistryAuthTest, ATokenThatTheRegistryDoesNotTakeEndsIt) {
  challenge_ = TokenChallenge();
  accepted_ = "Bearer other";
  EXPECT_THAT(Get({}), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("401")));
  EXPECT_EQ(token_requests_.size(), 1u);
}

TEST_F(RegistryAuthTest, ARefusalOfTheTokenServerIsNamed) {
  challenge_ = TokenChallenge();
  token_status_ = "401 Unauthorized";
  EXPECT_THAT(Get({.username = "me", .password = "wr0ng"}),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       ::testing::AllOf(HasSubstr("refuses the login"), Not(HasSubstr("wr0ng")))));
}

TEST_F(RegistryAuthTest, TokensThatCouldBreakAHeaderAreNone) {
  challenge_ = TokenChallenge();
  for (const char* answer : {"{}", "[]", "x", R"({"token":""})", R"({"token":"a\r\nX: y"})",
                             R"({"token":"a b"})", R"({"token":1,"access_token":null})"}) {
    token_answer_ = answer;
    EXPECT_THAT(Get({}), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("token server"))) << answer;
  }
}

TEST_F(RegistryAuthTest, ATokenServerThatIsNotHttpsIsNotAsked) {
  for (const char* realm : {"http://auth.example/token", "ftp://auth.example/", "", "file:///etc/passwd"}) {
    challenge_ = absl::StrCat("Bearer realm=\"", realm, "\"");
    EXPECT_THAT(Get({.username = "me", .password = "s3cret"}),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not https")))
        << realm;
  }
}

TEST_F(RegistryAuthTest, ATokenServerRedirectsNobody) {
  challenge_ = TokenChallenge();
  token_status_ = "307 Temporary Redirect\r\nLocation: /secret";
  EXPECT_THAT(Get({.username = "me", .password = "s3cret"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("redirects")));
}

TEST_F(RegistryAuthTest, ARedirectToAnotherServerTakesNoLoginAlong) {
  HttpServer other([](const HttpServer::Request& request, HttpServer::Client& client) {
    client.Send(request.Header("authorization").empty() ? Response("200 OK", {}, "x")
                                                        : Response("500 Leaked", {}, ""));
  });
  other_ = other.Url("/blob");
  EXPECT_OK(Get({.username = "me", .password = "s3cret"}, "/secret"));
  EXPECT_OK(Get({.username = "me", .password = "s3cret"}, "/elsewhere"));
  for (const HttpServer::Request& request : other.requests()) EXPECT_EQ(request.Header("authorization"), "");
  EXPECT_EQ(other.requests().size(), 1u);
}

TEST_F(RegistryAuthTest, AnotherServersChallengeIsNotAnswered) {
  HttpServer other([](const HttpServer::Request&, HttpServer::Client& client) {
    client.Send(Response("401 Unauthorized", {"WWW-Authenticate: Basic realm=\"give\""}, ""));
  });
  other_ = other.Url("/blob");
  EXPECT_THAT(Get({.username = "me", .password = "s3cret"}, "/elsewhere"),
              StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_EQ(other.requests().size(), 1u);
}

TEST_F(RegistryAuthTest, NobodyAsksARemoteRegistrysTokenServerOnThisHost) {
  RegistryAuth auth(
      {.origin = "https://reg.example:443", .credentials = {.username = "me", .password = "x"}});
  http::ResponseHead head;
  head.AddLine("HTTP/1.1 401 Unauthorized");
  head.AddLine("WWW-Authenticate: " + TokenChallenge());
  EXPECT_THAT(auth.Renew("https://reg.example/v2/", {}, head, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not https")));
  EXPECT_TRUE(token_requests_.empty());
}

TEST(TokenTest, LivesAsLongAsItSaysWithinReason) {
  EXPECT_EQ(ParseToken(R"({"token":"t","expires_in":300})")->lifetime, std::chrono::seconds(300));
  EXPECT_EQ(ParseToken(R"({"token":"t"})")->lifetime, std::chrono::seconds(60));
  EXPECT_EQ(ParseToken(R"({"token":"t","expires_in":-5})")->lifetime, std::chrono::seconds(60));
  EXPECT_EQ(ParseToken(R"({"token":"t","expires_in":99999999999})")->lifetime, std::chrono::seconds(86400));
}

}  // namespace
}  // namespace banger::oci
