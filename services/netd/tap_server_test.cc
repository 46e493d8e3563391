#include "services/netd/tap_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "services/netd/testing/fake_host.h"

namespace banger::netd {
namespace {

using namespace std::chrono_literals;

class TapServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    Reconciliation done;
    ASSERT_OK_AND_ASSIGN(
        network_,
        Network::Start("br-banger", *Subnet::Create(*Ipv4::Parse("172.30.0.1"), 24), host_.AsHost(), &done));
    ASSERT_OK(network_->Create(::geteuid(), "vm-1"));
    ASSERT_OK(network_->Attach(::geteuid(), "vm-1"));
    Start([](const PeerCredentials& peer) { return peer.uid == ::geteuid(); });
  }

  void Start(std::function<bool(const PeerCredentials&)> authorize) {
    server_.reset();
    ASSERT_OK_AND_ASSIGN(server_,
                         TapServer::Start({.socket = socket(),
                                           .authorize = std::move(authorize),
                                           // A tap's "queue" is a file with its name in it.
                                           .open_tap = [this](const std::string& tap) { return Queue(tap); },
                                           .patience = 300ms},
                                          *network_));
  }

  absl::StatusOr<UniqueFd> Queue(const std::string& tap) {
    const absl::Status written = WriteFileAtomically(dir_.path() / tap, tap);
    if (!written.ok()) return written;
    return OpenFile(dir_.path() / tap, 0);
  }

  std::filesystem::path socket() const { return dir_.path() / "tap.sock"; }

  absl::StatusOr<UniqueFd> Ask(const std::string& request) {
    absl::StatusOr<UniqueFd> connection = ConnectUnix(socket());
    if (!connection.ok()) return connection;
    // The server may have closed it already, which the answer shows.
    (void)::send(connection->get(), request.data(), request.size(), MSG_NOSIGNAL);
    return ReceiveDescriptor(connection->get());
  }

  TempDir dir_;
  FakeHost host_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<TapServer> server_;
};

TEST_F(TapServerTest, SendsTheDescriptorOfTheEndpointsTap) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd queue, Ask("endpoints/vm-1\n"));
  std::string name(12, '\0');
  ASSERT_OK(ReadFully(queue.get(), name.data(), name.size()));
  EXPECT_EQ(name, "bgr-ac1e0002");
}

TEST_F(TapServerTest, ClosesOnWhateverItCannotServe) {
  ASSERT_OK(network_->Create(::geteuid(), "detached"));
  for (const std::string& request :
       {std::string("endpoints/other\n"), std::string("endpoints/detached\n"), std::string("vm-1\n"),
        std::string("endpoints/../x\n"), std::string("\n"), std::string("endpoints/vm-1\nmore"),
        std::string(1000, 'x'), std::string("endpoints/vm-1\0\n", 16)})
    EXPECT_THAT(Ask(request), ::testing::Not(IsOk())) << request;
  EXPECT_OK(Ask("endpoints/vm-1\n"));
}

TEST_F(TapServerTest, RefusesPeersThatAreNotAuthorized) {
  Start([](const PeerCredentials&) { return false; });
  EXPECT_THAT(Ask("endpoints/vm-1\n"), ::testing::Not(IsOk()));
}

TEST_F(TapServerTest, SilentClientsEndAndNeverBlockOthers) {
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 8; ++i) {
    ASSERT_OK_AND_ASSIGN(UniqueFd connection, ConnectUnix(socket()));
    silent.push_back(std::move(connection));
  }
  EXPECT_OK(Ask("endpoints/vm-1\n"));
  for (const UniqueFd& connection : silent)
    EXPECT_THAT(ReceiveDescriptor(connection.get()), ::testing::Not(IsOk()));
}

TEST_F(TapServerTest, EndsAtOnceWithClientsConnectedAndRemovesItsSocket) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd silent, ConnectUnix(socket()));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(socket()));
  EXPECT_THAT(ReceiveDescriptor(silent.get()), ::testing::Not(IsOk()));
}

TEST_F(TapServerTest, AnyoneMayKnockAsPeersAreToldByTheirCredentials) {
  struct stat found {};
  ASSERT_EQ(::stat(socket().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0666u);
}

}  // namespace
}  // namespace banger::netd
