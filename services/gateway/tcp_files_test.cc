// Certificates, authorities and revocation lists that change while the gateway serves.
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "common/status/error.h"
#include "services/gateway/testing/log_capture.h"
#include "services/gateway/testing/tcp_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;
using TcpFilesTest = TcpTest;

TEST_F(TcpFilesTest, WhoIsRevokedIsCutOffAlsoFromTheConnectionThatItHas) {
  const auto stays = Connect(alice_);
  EXPECT_OK(GetVmOver(stays));
  rpc::ClientCall call("", 0ms);
  const auto stream = vm::v1::VmService::NewStub(Connect(bob_))->ExecVm(call.context());
  vm::v1::ExecVmRequest request;
  request.set_name("vms/hang");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(Eventually([this] { return fake_.hung == 1; }));

  authority_.Revoke(bob_);
  Write("crl.pem", authority_.RevocationList());
  vm::v1::ExecVmResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == 1; }));
  EXPECT_THAT(RawHandshake({.certificate = bob_}), HasSubstr("alert certificate revoked"));
  EXPECT_OK(GetVmOver(stays));
}

TEST_F(TcpFilesTest, WhoseCertificateExpiresIsCutOff) {
  tcp_.reset();
  const LogCapture log;
  limits_.recheck = 20ms;
  StartTcp();
  std::unique_ptr<RawTls> carol;
  // On a busy machine it may be over before she is in.
  ASSERT_TRUE(Eventually([&] {
    carol = std::make_unique<RawTls>(
        tcp_->port(),
        RawTls::Options{.certificate = authority_.Issue(
                            {.name = "carol", .units = {"banger-viewer"}, .valid_to_seconds = 2})});
    return carol->Handshake().empty() && carol->Write(Http2Frame(6, 0, 0, "12345678")) &&
           carol->AwaitText("12345678");
  }));
  EXPECT_TRUE(carol->IsEnded());
  EXPECT_TRUE(log.Has("not good any more", "certificate has expired"));
  EXPECT_EQ(RawHandshake({.certificate = alice_}), "");
  tcp_.reset();
}

TEST_F(TcpFilesTest, WhoIsRevokedDuringItsHandshakeIsNotServed) {
  const auto revoke = [this] {
    authority_.Revoke(bob_);
    Write("crl.pem", authority_.RevocationList());
    EXPECT_TRUE(Eventually([this] { return !RawHandshake({.certificate = bob_}).empty(); }));
  };
  RawTls late(tcp_->port(), {.certificate = bob_, .when_asked = revoke});
  late.Handshake();
  EXPECT_THAT(late.ReadToTheEnd(), HasSubstr("its certificate: certificate revoked"));
}

TEST_F(TcpFilesTest, NewCertificatesComeIntoUseWithoutAHandshakeThatFails) {
  std::atomic<bool> done = false;
  std::atomic<int> handshakes = 0;
  std::string failure;
  std::thread client([&] {
    while (!done && failure.empty()) {
      failure = RawHandshake({.certificate = alice_});
      ++handshakes;
    }
  });
  const auto served = [this] {
    RawTls raw(tcp_->port(), {.certificate = alice_});
    EXPECT_EQ(raw.Handshake(), "");
    return raw.ServerName();
  };
  for (int i = 0; i < 10; ++i) {
    const std::string name = absl::StrCat("server-", i);
    const KeyedCertificate next = ServerCertificate(name);
    const std::string before = served();
    // In between they do not belong together.
    Write("server.pem", next.certificate);
    const int seen = handshakes;
    ASSERT_TRUE(Eventually([&] { return handshakes > seen + 3; }));
    EXPECT_EQ(served(), before);
    Write("server.key", next.key);
    EXPECT_TRUE(Eventually([&] { return served() == name; }));
  }
  done = true;
  client.join();
  EXPECT_EQ(failure, "");
  EXPECT_GT(handshakes, 30);
}

TEST_F(TcpFilesTest, ANewAuthorityReplacesTheOldOne) {
  const auto channel = Connect(alice_);
  EXPECT_OK(GetVmOver(channel));
  TestAuthority next("the next authority");
  Write("crl.pem", next.RevocationList());
  Write("ca.pem", next.certificate());
  EXPECT_TRUE(Eventually([&] {
    return RawHandshake({.certificate = next.Issue({.name = "dora", .units = {"banger-viewer"}})}).empty();
  }));
  EXPECT_THAT(RawHandshake({.certificate = alice_}), HasSubstr("alert unknown ca"));
  EXPECT_THAT(GetVmOver(channel), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(TcpFilesTest, FilesThatAreNoGoodOrGoneChangeNothing) {
  tcp_.reset();
  const LogCapture log;
  StartTcp();
  for (const char* name : {"ca.pem", "crl.pem", "server.pem", "server.key"}) {
    ASSERT_OK_AND_ASSIGN(const std::string good, ReadFile(dir_.path() / name, 1 << 20));
    Write(name, "nonsense");
    EXPECT_TRUE(Eventually([&] { return log.Has("the old ones stay in use", name); })) << name;
    EXPECT_EQ(RawHandshake({.certificate = alice_}), "") << name;
    std::filesystem::remove(dir_.path() / name);
    EXPECT_EQ(RawHandshake({.certificate = alice_}), "") << name;
    Write(name, good);
  }
  tcp_.reset();
}

// As when its owner is changed after it was put there: the version of the file that
// could not be taken is that of the one that can.
TEST_F(TcpFilesTest, AFileThatWasNoGoodIsTriedAgain) {
  tcp_.reset();
  const LogCapture log;
  StartTcp();
  authority_.Revoke(bob_);
  const std::string list = authority_.RevocationList();
  Write("crl.pem", std::string(list.size(), '\n'));
  ASSERT_TRUE(Eventually([&] { return log.Has("the old ones stay in use", "crl.pem"); }));
  const std::string file = (dir_.path() / "crl.pem").string();
  struct stat before {};
  ASSERT_EQ(::stat(file.c_str(), &before), 0);
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, OpenFile(file, O_WRONLY));
  ASSERT_OK(WriteFully(fd.get(), list));
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::futimens(fd.get(), times), 0);
  EXPECT_TRUE(Eventually([this] { return !RawHandshake({.certificate = bob_}).empty(); }));
  tcp_.reset();
}

// It has read the certificate when it waits for the list, which comes through a FIFO.
TEST_F(TcpFilesTest, FilesThatChangeWhileItStartsAreTakenToo) {
  tcp_.reset();
  const std::filesystem::path file = dir_.path() / "crl.pem";
  std::filesystem::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  std::thread start([this] { StartTcp(); });
  absl::StatusOr<UniqueFd> list = OpenFile(file, O_WRONLY);
  const KeyedCertificate next = ServerCertificate("second");
  Write("server.pem", next.certificate);
  Write("server.key", next.key);
  Write("crl.pem", authority_.RevocationList());
  EXPECT_OK(WriteFully(list->get(), authority_.RevocationList()));
  list->Reset();
  start.join();
  EXPECT_TRUE(Eventually([this] {
    RawTls raw(tcp_->port(), {.certificate = alice_});
    return raw.Handshake().empty() && raw.ServerName() == "second";
  }));
}

}  // namespace
}  // namespace banger::gateway
