#include "common/http/url.h"

#include "common/testing/status_matchers.h"

namespace banger::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(UrlTest, HttpsIsFineAndHttpOnlyToThisHostOrWhenAllowed) {
  EXPECT_OK(CheckUrl("https://kernels.example/a.tar.zst", false));
  for (const char* local : {"http://127.0.0.1:8080/a", "http://localhost/a", "http://[::1]:1/a"})
    EXPECT_OK(CheckUrl(local, false)) << local;
  for (const char* other :
       {"http://kernels.example/a", "http://127.evil.example/", "http://localhost.example/"}) {
    EXPECT_THAT(CheckUrl(other, false), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(other)));
    EXPECT_OK(CheckUrl(other, true)) << other;
  }
}

TEST(UrlTest, WhatIsNoWebAddressIsRefusedByName) {
  for (const char* wrong : {"", "kernels", "file:///etc/passwd", "ftp://x/y", "gopher://x", "https://", "/a"})
    EXPECT_THAT(CheckUrl(wrong, true), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(wrong)));
  EXPECT_FALSE(CheckUrl(std::string("https://a/\0b", 12), true).ok());
}

TEST(UrlTest, APasswordInAUrlIsRefusedAndNotRepeated) {
  EXPECT_THAT(CheckUrl("https://me:secret@kernels.example/", true),
              StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("secret"))));
}

TEST(UrlTest, RedirectsMayBeRelative) {
  EXPECT_EQ(ResolveUrl("https://a.example/x/y?q", "/z"), "https://a.example/z");
  EXPECT_EQ(ResolveUrl("https://a.example/x/y", "z?r"), "https://a.example/x/z?r");
  EXPECT_EQ(ResolveUrl("https://a.example/x", "http://b.example/"), "http://b.example/");
  EXPECT_EQ(ResolveUrl("https://a.example/x", ""), "");
  EXPECT_EQ(ResolveUrl("https://a.example/x", std::string("/a\0b", 4)), "");
}

TEST(UrlTest, OriginsAreSchemeHostAndPort) {
  EXPECT_EQ(OriginOf("https://Reg.example/v2/"), "https://reg.example:443");
  EXPECT_EQ(OriginOf("https://reg.example:443"), OriginOf("https://reg.example/x"));
  EXPECT_NE(OriginOf("http://reg.example"), OriginOf("https://reg.example"));
  EXPECT_NE(OriginOf("https://reg.example:444"), OriginOf("https://reg.example"));
  EXPECT_NE(OriginOf("https://reg.example.evil"), OriginOf("https://reg.example"));
  EXPECT_EQ(OriginOf("nothing at all"), "");
}

TEST(UrlTest, RedirectsNeverLeaveHttps) {
  EXPECT_OK(CheckRedirect("https://a/x", "https://b/y", false));
  EXPECT_FALSE(CheckRedirect("https://a/x", "http://a/x", true).ok());
  EXPECT_FALSE(CheckRedirect("https://a/x", "http://127.0.0.1/x", false).ok());
  EXPECT_FALSE(CheckRedirect("https://a/x", "file:///etc/passwd", true).ok());
  EXPECT_OK(CheckRedirect("http://127.0.0.1/x", "https://b/y", false));
  EXPECT_FALSE(CheckRedirect("http://127.0.0.1/x", "http://b/y", false).ok());
}

}  // namespace
}  // namespace banger::http
