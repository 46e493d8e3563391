// Gateways on other hosts that do not answer as they should.
#include "cli/remote/connect.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/remote/lookup.h"
#include "cli/remote/tls_probe.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "services/gateway/testing/certificates.h"

namespace banger::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class RemoteConnectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    const gateway::KeyedCertificate alice = authority_.Issue({.name = "alice", .units = {"banger-operator"}});
    context_.ca = Write("ca.pem", authority_.certificate());
    context_.cert = Write("alice.pem", alice.certificate);
    context_.key = Write("alice.key", alice.key);
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    ASSERT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    context_.address = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }

  std::string Write(const std::string& name, const std::string& text) const {
    EXPECT_OK(WriteFileAtomically(dir_.path() / name, text, 0600));
    return (dir_.path() / name).string();
  }

  UniqueFd Accept() const { return UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

  absl::Status Probe(std::chrono::milliseconds patience, const std::stop_token& stop = {}) const {
    const HostAndPort at = *ParseAddress(context_.address);
    BANGER_ASSIGN_OR_RETURN(const Addresses addresses, LookUp(at, std::chrono::steady_clock::now() + 1h, {}));
    BANGER_ASSIGN_OR_RETURN(const ClientFiles files, ReadClientFiles(context_));
    return ProbeTls(context_, at, *addresses, files, std::chrono::steady_clock::now() + patience, stop);
  }

  // A machine that is busy may need longer to connect.
  static absl::Status OnceConnected(
      const std::function<absl::Status(std::chrono::milliseconds patience)>& probe) {
    auto patience = 100ms;
    absl::Status status = probe(patience);
    while (absl::StartsWith(status.message(), "reach ") && patience < 1min) status = probe(patience *= 4);
    return status;
  }

  gateway::TestAuthority authority_{"the authority"};
  TempDir dir_;
  UniqueFd listener_;
  RemoteContext context_{.name = "lab", .address = "", .ca = "", .cert = "", .key = ""};
};

TEST_F(RemoteConnectTest, AGatewayThatStandsStillIsSaidNotToAnswer) {
  ASSERT_EQ(::listen(listener_.get(), 8), 0);
  EXPECT_THAT(OnceConnected([this](auto patience) { return Probe(patience); }),
              StatusIs(absl::StatusCode::kUnavailable,
                       absl::StrCat("speak TLS with the gateway at '", context_.address,
                                    "' (context 'lab'): it does not answer")));
}

// A record of 16 KiB, of which a byte comes now and then.
TEST_F(RemoteConnectTest, AGatewayThatTricklesIsGivenUp) {
  ASSERT_EQ(::listen(listener_.get(), 8), 0);
  const auto trickle = [this](const std::stop_token& stop) {
    const UniqueFd client = Accept();
    for (std::string bytes("\x16\x03\x03\x40\x00", 5); !stop.stop_requested(); bytes = "\2") {
      ::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ::poll(nullptr, 0, 1);
    }
  };
  EXPECT_THAT(OnceConnected([&](auto patience) {
                const std::jthread server(trickle);
                return Probe(patience);
              }),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("it does not answer")));
}

TEST_F(RemoteConnectTest, WhoeverIsProbingStopsWhenAsked) {
  ASSERT_EQ(::listen(listener_.get(), 8), 0);
  std::stop_source stop;
  UniqueFd client;
  std::jthread user([&] {
    client = Accept();
    stop.request_stop();
  });
  EXPECT_THAT(Probe(1h, stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(RemoteConnectTest, ANameIsNotLookedUpOnceStopped) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(
      LookUp({.host = "localhost", .port = "1"}, std::chrono::steady_clock::now() + 1h, stop.get_token())
          .status(),
      StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(ConnectRemote(context_, 1h, stop.get_token()).status(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(RemoteConnectTest, WhoIsNotThereIsUnreachable) {
  const absl::Status refused = ConnectRemote(context_, 1s, {}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(refused), "GATEWAY_UNREACHABLE");
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr(absl::StrCat("'", context_.address, "' (context 'lab'): Connection refused")));
  const std::string port = context_.address.substr(context_.address.rfind(':'));
  context_.address = "nobody..has-it" + port;  // nor is anybody asked
  const absl::Status unknown = ConnectRemote(context_, 1s, {}).status();
  EXPECT_EQ(ErrorReason(unknown), "GATEWAY_UNREACHABLE");
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("find the gateway at 'nobody..has-it"));
}

// The first address is the one that the resolver prefers.
TEST_F(RemoteConnectTest, TheFirstErrorIsTold) {
  sockaddr_in first{};
  first.sin_family = AF_INET;
  first.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  first.sin_port = htons(static_cast<std::uint16_t>(std::stoi(ParseAddress(context_.address)->port)));
  addrinfo impossible{};
  impossible.ai_family = 4711;
  addrinfo refused{};
  refused.ai_family = AF_INET;
  refused.ai_addr = reinterpret_cast<sockaddr*>(&first);
  refused.ai_addrlen = sizeof first;
  ASSERT_OK_AND_ASSIGN(const ClientFiles files, ReadClientFiles(context_));
  const auto probe = [&](addrinfo& one, addrinfo& other) {
    one.ai_next = &other;
    other.ai_next = nullptr;
    const auto deadline = std::chrono::steady_clock::now() + 1h;
    return std::string(
        ProbeTls(context_, *ParseAddress(context_.address), one, files, deadline, {}).message());
  };
  EXPECT_THAT(probe(refused, impossible), HasSubstr("Connection refused"));
  EXPECT_THAT(probe(impossible, refused), HasSubstr("Address family not supported"));
}

}  // namespace
}  // namespace banger::cli
