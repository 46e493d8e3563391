#include "common/http/response_head.h"

#include <gmock/gmock.h>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace banger::http {
namespace {

using ::testing::Optional;
using namespace std::chrono_literals;

ResponseHead Parse(std::initializer_list<absl::string_view> lines) {
  ResponseHead head;
  for (const absl::string_view line : lines) head.AddLine(line);
  return head;
}

TEST(ResponseHeadTest, ReadsWhatResumingNeeds) {
  const ResponseHead head = Parse({"HTTP/1.1 206 Partial Content", "content-LENGTH: 5",
                                   "Content-Range: bytes 5-9/10", "ETag: \"a\"", "Retry-After: 7"});
  EXPECT_EQ(head.status, 206);
  EXPECT_THAT(head.content_length, Optional(5));
  EXPECT_THAT(head.range_start, Optional(5));
  EXPECT_THAT(head.range_total, Optional(10));
  EXPECT_EQ(head.Validator(), "\"a\"");
  EXPECT_THAT(head.retry_after, Optional(7s));
}

TEST(ResponseHeadTest, AnInterimResponseLeavesNothing) {
  const ResponseHead head = Parse({"HTTP/1.1 103 Early Hints", "ETag: \"a\"", "HTTP/2 200"});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.etag, "");
}

TEST(ResponseHeadTest, AWeakTagTellsNothingAboutBytes) {
  EXPECT_EQ(Parse({"HTTP/1.1 200 OK", "ETag: W/\"a\""}).Validator(), "");
  EXPECT_EQ(Parse({"HTTP/1.1 200 OK", "ETag: W/\"a\"", "Last-Modified: x"}).Validator(), "x");
}

TEST(ResponseHeadTest, NonsenseIsLeftOut) {
  const ResponseHead head =
      Parse({"HTTP/1.1 nonsense", "Content-Length: -5", "Content-Range: bytes x", "Retry-After: soon",
             "no colon", "Content-Range: bytes */99999999999999999999"});
  EXPECT_EQ(head.status, 0);
  EXPECT_FALSE(head.content_length.has_value());
  EXPECT_FALSE(head.range_start.has_value());
  EXPECT_FALSE(head.range_total.has_value());
  EXPECT_FALSE(head.retry_after.has_value());
}

TEST(ResponseHeadTest, RetryAfterMayBeADate) {
  const std::string date =
      absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now() + absl::Minutes(10), absl::UTCTimeZone());
  const ResponseHead head = Parse({"HTTP/1.1 503 x", "Retry-After: " + date});
  ASSERT_TRUE(head.retry_after.has_value());
  EXPECT_GT(*head.retry_after, 500s);
  EXPECT_LE(*head.retry_after, 600s);
  EXPECT_THAT(Parse({"HTTP/1.1 503 x", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"}).retry_after,
              Optional(0s));
}

}  // namespace
}  // namespace banger::http
