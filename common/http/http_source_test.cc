#include "common/http/http_source.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/archive/archive_reader.h"
#include "common/http/testing/http_server.h"
#include "common/status/status_macros.h"
#include "common/sync/mutex.h"
#include "common/testing/countdown.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"

namespace banger::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace std::chrono_literals;
using Request = HttpServer::Request;
using Client = HttpServer::Client;

FetchOptions Quick(const std::string& url) {
  return {.url = url, .max_retries = 3, .first_delay = 1ms, .longest_delay = 2ms};
}

absl::StatusOr<std::string> Fetch(FetchOptions options, const std::stop_token& stop = {}) {
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<HttpSource> source,
                          HttpSource::Open(std::move(options), stop));
  return ReadAll(*source, 64 << 20);
}

// Bytes of which no part looks like another.
std::string Content(std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>((i * 2654435761U) >> 13);
  return content;
}

// Answers that one text, whatever is asked.
HttpServer::Handler Always(std::string answer) {
  return [answer = std::move(answer)](const Request&, Client& client) { client.Send(answer); };
}

TEST(HttpSourceTest, GivesTheBytesAndTheirNumber) {
  const ServedFile file{.content = Content(3 << 20)};
  HttpServer server([&file](const Request& request, Client& client) { file.Answer(request, client); });
  ASSERT_OK_AND_ASSIGN(const auto source, HttpSource::Open(Quick(server.Url("/a")), {}));
  EXPECT_EQ(source->total_bytes(), 3 << 20);
  EXPECT_TRUE(*ReadAll(*source, 64 << 20) == file.content);
  EXPECT_THAT(server.requests(), SizeIs(1));
  EXPECT_EQ(server.requests()[0].target, "/a");
}

// With CURLOPT_PIPEWAIT it does, and libcurl 7.88 lets nothing end what waits.
TEST(HttpSourceTest, ATransferThatGetsNoAnswerHoldsUpNoOther) {
  Countdown second(1);
  HttpServer server([&second](const Request& request, Client& client) {
    if (request.target == "/first") {
      second.Wait();
    } else {
      second.CountDown();
    }
    client.Send(Response("200 OK", {}, request.target));
  });
  ASSERT_OK_AND_ASSIGN(const std::shared_ptr<ConnectionPool> pool, ConnectionPool::Create());
  const auto fetch = [&](const std::string& path) {
    FetchOptions options = Quick(server.Url(path));
    options.pool = pool;
    options.max_retries = 0;
    EXPECT_THAT(Fetch(std::move(options)), IsOkAndHolds(path));
  };
  std::jthread first([&fetch] { fetch("/first"); });
  EXPECT_TRUE(Eventually([&server] { return server.requests().size() == 1; }));
  fetch("/second");
}

TEST(HttpSourceTest, ABrokenTransferGoesOnWhereItEnded) {
  const ServedFile file{.content = Content(1000), .cut_after = 300};
  HttpServer server([&file](const Request& request, Client& client) { file.Answer(request, client); });
  EXPECT_THAT(Fetch(Quick(server.Url("/a"))), IsOkAndHolds(file.content));
  std::vector<std::int64_t> starts;
  for (const Request& request : server.requests()) starts.push_back(request.RangeStart());
  EXPECT_THAT(starts, ElementsAre(0, 300, 600, 900));
  EXPECT_EQ(server.requests()[1].headers.at("if-range"), "\"1\"");
}

TEST(HttpSourceTest, AServerWithoutRangesSendsAllAgainAndTheKnownPartIsSkipped) {
  ServedFile file{.content = Content(1000), .ranges = false};
  std::atomic<int> answers = 0;
  HttpServer server([&](const Request& request, Client& client) {
    ServedFile now = file;
    if (++answers < 4) now.cut_after = static_cast<std::size_t>(200 * answers);
    now.Answer(request, client);
  });
  EXPECT_THAT(Fetch(Quick(server.Url("/a"))), IsOkAndHolds(file.content));
  EXPECT_EQ(answers, 4);
}

TEST(HttpSourceTest, AResourceThatChangesMeanwhileIsNeverMixed) {
  std::atomic<int> answers = 0;
  HttpServer server([&](const Request& request, Client& client) {
    const bool first = ++answers == 1;
    const ServedFile file{
        .content = Content(1000), .etag = first ? "\"1\"" : "\"2\"", .cut_after = first ? 300 : SIZE_MAX};
    file.Answer(request, client);
  });
  EXPECT_THAT(Fetch(Quick(server.Url("/a"))), StatusIs(absl::StatusCode::kAborted, HasSubstr("changed")));
}

TEST(HttpSourceTest, AWrongPartIsRefused) {
  std::atomic<int> answers = 0;
  std::string second =
      Response("206 Partial Content", {"ETag: \"1\"", "Content-Range: bytes 0-9/10"}, "0123456789");
  HttpServer server([&](const Request& request, Client& client) {
    if (++answers == 1) {
      ServedFile{.content = "0123456789", .cut_after = 5}.Answer(request, client);
    } else {
      client.Send(second);
    }
  });
  EXPECT_THAT(Fetch(Quick(server.Url("/a"))),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another part")));
  HttpServer unasked(Always(second));
  EXPECT_THAT(Fetch(Quick(unasked.Url("/a"))),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("nobody asked")));
}

TEST(HttpSourceTest, OnlyTheEndBeingLostIsNoLoss) {
  std::atomic<int> answers = 0;
  HttpServer server([&](const Request& request, Client& client) {
    if (++answers > 1) return ServedFile{.content = "whole"}.Answer(request, client);
    // Chunks, and no last one.
    client.Send("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n");
  });
  EXPECT_THAT(Fetch(Quick(server.Url("/a"))), IsOkAndHolds("whole"));
  EXPECT_EQ(server.requests()[1].RangeStart(), 5);
}

TEST(HttpSourceTest, ResourcesThatShrankAreNotWhole) {
  std::atomic<int> answers = 0;
  HttpServer server([&](const Request& request, Client& client) {
    if (++answers == 1) return ServedFile{.content = "0123456789", .cut_after = 8}.Answer(request, client);
    client.Send(Response("416 Range Not Satisfiable", {"Content-Range: bytes */6"}, ""));
  });
  EXPECT_THAT(Fetch(Quick(server.Url("/a"))), StatusIs(absl::StatusCode::kAborted));
}

TEST(HttpSourceTest, WhatAServerRefusesForNowIsTriedAgain) {
  for (const char* status : {"429 Too Many Requests", "500 x", "502 x", "503 x", "504 x"}) {
    std::atomic<int> answers = 0;
    HttpServer server([&](const Request& request, Client& client) {
      if (++answers < 3) client.Send(Response(status, {}, "busy"));
      if (answers == 3) ServedFile{.content = "ok"}.Answer(request, client);
    });
    EXPECT_THAT(Fetch(Quick(server.Url("/a"))), IsOkAndHolds("ok")) << status;
  }
}

TEST(HttpSourceTest, RetriesEndAndSayWhy) {
  HttpServer server(Always(Response("503 x", {}, "")));
  std::vector<std::string> told;
  FetchOptions options = Quick(server.Url("/a"));
  options.on_retry = [&told](absl::string_view why) { told.emplace_back(why); };
  EXPECT_THAT(Fetch(options), StatusIs(absl::StatusCode::kUnavailable,
                                       HasSubstr(server.Url("/a") + "': the server answers 503")));
  EXPECT_THAT(server.requests(), SizeIs(4));
  ASSERT_THAT(told, SizeIs(3));
  EXPECT_THAT(told[0], HasSubstr("503; trying again in"));
}

TEST(HttpSourceTest, RetryAfterIsHonouredUpToTheLongestDelay) {
  HttpServer server(Always(Response("429 x", {"Retry-After: 3600"}, "")));
  EXPECT_THAT(Fetch(Quick(server.Url("/a"))),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("wants 3600 s")));
  EXPECT_THAT(server.requests(), SizeIs(1));
}

TEST(HttpSourceTest, WhatIsNotThereIsAskedForOnce) {
  HttpServer server(Always(Response("404 Not Found", {}, "nothing")));
  EXPECT_THAT(Fetch(Quick(server.Url("/a"))), StatusIs(absl::StatusCode::kNotFound, HasSubstr("404")));
  EXPECT_THAT(server.requests(), SizeIs(1));
  for (const char* status : {"416 x", "418 x", "501 x", "304 x", "204 x"}) {
    HttpServer refusing(Always(Response(status, {}, "")));
    EXPECT_THAT(Fetch(Quick(refusing.Url("/a"))), StatusIs(absl::StatusCode::kFailedPrecondition)) << status;
    EXPECT_THAT(refusing.requests(), SizeIs(1)) << status;
  }
}

TEST(HttpSourceTest, WhoMayNotHaveItIsToldSo) {
  HttpServer nobody(Always(Response("401 Unauthorized", {}, "")));
  EXPECT_THAT(Fetch(Quick(nobody.Url("/a"))), StatusIs(absl::StatusCode::kUnauthenticated));
  HttpServer others(Always(Response("403 Forbidden", {}, "")));
  EXPECT_THAT(Fetch(Quick(others.Url("/a"))), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST(HttpSourceTest, WhatNeverChangesIsTakenUpWhateverItsVersionIsCalled) {
  const ServedFile file{.content = Content(1000), .cut_after = 300};
  int version = 0;
  HttpServer server([&](const Request& request, Client& client) {
    ServedFile now = file;
    now.etag = absl::StrCat("\"", ++version, "\"");
    now.Answer(request, client);
  });
  FetchOptions options = Quick(server.Url("/a"));
  options.immutable = true;
  options.from = 100;
  EXPECT_THAT(Fetch(options), IsOkAndHolds(file.content.substr(100)));
  ASSERT_THAT(server.requests(), SizeIs(3));
  EXPECT_EQ(server.requests()[0].RangeStart(), 100);
  EXPECT_EQ(server.requests()[2].RangeStart(), 700);
}

TEST(HttpSourceTest, WhereItBeginsIsSkippedWhenAServerKnowsNoRanges) {
  const ServedFile file{.content = Content(1000), .ranges = false};
  HttpServer server([&file](const Request& request, Client& client) { file.Answer(request, client); });
  FetchOptions options = Quick(server.Url("/a"));
  options.immutable = true;
  options.from = 900;
  EXPECT_THAT(Fetch(options), IsOkAndHolds(file.content.substr(900)));
}

TEST(HttpSourceTest, APartThatIsShorterThanAskedForIsNotAll) {
  const std::string content = Content(1000);
  HttpServer server([&content](const Request& request, Client& client) {
    const auto start = static_cast<std::size_t>(request.RangeStart());
    const std::string part = content.substr(start, 400);
    client.Send(Response(
        "206 Partial Content",
        {absl::StrCat("Content-Range: bytes ", start, "-", start + part.size() - 1, "/", content.size())},
        part));
  });
  FetchOptions options = Quick(server.Url("/a"));
  options.immutable = true;
  options.from = 100;
  EXPECT_THAT(Fetch(options), IsOkAndHolds(content.substr(100)));
  EXPECT_THAT(server.requests(), SizeIs(3));
}

TEST(HttpSourceTest, FetchesAtOnceShareAPool) {
  const ServedFile file{.content = Content(2 << 20)};
  HttpServer server([&file](const Request& request, Client& client) { file.Answer(request, client); });
  ASSERT_OK_AND_ASSIGN(const auto pool, ConnectionPool::Create());
  std::vector<std::thread> readers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i)
    readers.emplace_back([&] {
      FetchOptions options = Quick(server.Url("/a"));
      options.pool = pool;
      const auto bytes = Fetch(options);
      if (bytes.ok() && *bytes == file.content) ++right;
    });
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(right, 8);
}

TEST(HttpSourceTest, ResetsAndRefusedConnectionsAreTriedAgain) {
  std::atomic<int> answers = 0;
  HttpServer server([&](const Request& request, Client& client) {
    if (++answers < 3) return client.Reset();
    ServedFile{.content = "ok"}.Answer(request, client);
  });
  EXPECT_THAT(Fetch(Quick(server.Url("/a"))), IsOkAndHolds("ok"));
  std::string gone;
  {
    const HttpServer short_lived(Always(""));
    gone = short_lived.Url("/a");
  }
  EXPECT_THAT(Fetch(Quick(gone)), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(gone)));
}

TEST(HttpSourceTest, RedirectsAreFollowedABoundedNumberOfTimes) {
  HttpServer server([](const Request& request, Client& client) {
    if (request.target == "/end") return ServedFile{.content = "ok"}.Answer(request, client);
    const std::string next = request.target == "/a" ? "/b" : request.target == "/b" ? "end" : "/loop";
    client.Send(Response("302 Found", {"Location: " + next}, "elsewhere"));
  });
  EXPECT_THAT(Fetch(Quick(server.Url("/a"))), IsOkAndHolds("ok"));
  EXPECT_THAT(Fetch(Quick(server.Url("/loop"))),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("more than 5 times")));
}

TEST(HttpSourceTest, RedirectsToOtherPlacesThanAllowedAreRefused) {
  for (const char* target :
       {"http://kernels.example/a", "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x/"}) {
    HttpServer server(Always(Response("302 Found", {absl::StrCat("Location: ", target)}, "")));
    EXPECT_THAT(Fetch(Quick(server.Url("/a"))),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(target)));
  }
  HttpServer nowhere(Always(Response("302 Found", {}, "")));
  EXPECT_THAT(Fetch(Quick(nowhere.Url("/a"))), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(HttpSourceTest, TooManyBytesAreRefusedAnnouncedOrNot) {
  FetchOptions options = Quick("");
  options.max_bytes = 4;
  HttpServer announced(Always(Response("200 OK", {}, "12345")));
  options.url = announced.Url("/a");
  EXPECT_THAT(Fetch(options), StatusIs(absl::StatusCode::kOutOfRange));
  HttpServer endless([](const Request&, Client& client) {
    client.Send("HTTP/1.1 200 OK\r\n\r\n");
    while (client.Send("more and more")) {
    }
  });
  options.url = endless.Url("/a");
  EXPECT_THAT(Fetch(options), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST(HttpSourceTest, ASlowLorisIsABrokenTransfer) {
  FetchOptions options = Quick("");
  options.low_speed_time = 1s;
  options.max_retries = 0;
  // The head byte by byte, and the body byte by byte.
  for (const char* start : {"HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"}) {
    HttpServer server([start](const Request&, Client& client) {
      client.Send(start);
      // The wait is the attack, not a synchronization.
      while (client.Send("a")) std::this_thread::sleep_for(50ms);
    });
    options.url = server.Url("/a");
    EXPECT_THAT(Fetch(options), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("too slow"))) << start;
  }
}

TEST(HttpSourceTest, NonsenseIsRefused) {
  HttpServer noise(Always("SSH-2.0-OpenSSH\r\n\r\n"));
  EXPECT_FALSE(Fetch(Quick(noise.Url("/a"))).ok());
  HttpServer endless_head([](const Request&, Client& client) {
    client.Send("HTTP/1.1 200 OK\r\n");
    while (client.Send("X-More: and more and more and more\r\n")) {
    }
  });
  EXPECT_THAT(Fetch(Quick(endless_head.Url("/a"))), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(HttpSourceTest, StoppingEndsAWaitAtOnceWhereverItIs) {
  using Part = HttpServer::Handler;
  const std::vector<Part> parts = {
      [](const Request&, Client&) {},
      [](const Request&, Client& client) { client.Send("HTTP/1.1 200 OK\r\n"); },
      [](const Request&, Client& client) { client.Send("HTTP/1.1 200 OK\r\n\r\nsome"); },
  };
  for (const Part& part : parts) {
    std::stop_source stop;
    HttpServer server([&](const Request& request, Client& client) {
      part(request, client);
      stop.request_stop();
      client.WaitUntilGone();
    });
    EXPECT_THAT(Fetch(Quick(server.Url("/a")), stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
  }
  // And between two tries.
  std::stop_source stop;
  HttpServer busy(Always(Response("503 x", {}, "")));
  FetchOptions options = Quick(busy.Url("/a"));
  options.first_delay = options.longest_delay = 1h;
  options.on_retry = [&stop](absl::string_view) { stop.request_stop(); };
  EXPECT_THAT(Fetch(options, stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
}

TEST(HttpSourceTest, TheServerWaitsWhileNobodyReads) {
  std::atomic<std::int64_t> sent = 0;
  Countdown full(1);
  HttpServer server([&](const Request&, Client& client) {
    client.Send("HTTP/1.1 200 OK\r\n\r\n");
    const std::string block(64 << 10, 'x');
    while (client.Send(block)) sent += static_cast<std::int64_t>(block.size());
    full.CountDown();
  });
  {
    ASSERT_OK_AND_ASSIGN(const auto source, HttpSource::Open(Quick(server.Url("/a")), {}));
    std::string byte(1, ' ');
    ASSERT_OK(source->Read(byte));
  }
  full.Wait();
  EXPECT_LT(sent, 64 << 20) << "only what sockets hold";
}

TEST(HttpSourceTest, TheProxyOfTheEnvironmentIsUsedForOtherHosts) {
  HttpServer proxy(Always(Response("200 OK", {}, "by proxy")));
  ::setenv("http_proxy", proxy.Url("").c_str(), 1);
  FetchOptions options = Quick("http://kernels.example/a");
  options.allow_http = true;
  EXPECT_THAT(Fetch(options), IsOkAndHolds("by proxy"));
  ASSERT_THAT(proxy.requests(), SizeIs(1));
  EXPECT_EQ(proxy.requests()[0].target, "http://kernels.example/a");
  HttpServer local(Always(Response("200 OK", {}, "direct")));
  EXPECT_THAT(Fetch(Quick(local.Url("/a"))), IsOkAndHolds("direct"));
  ::unsetenv("http_proxy");
}

}  // namespace
}  // namespace banger::http
