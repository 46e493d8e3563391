// Clients that are not ours: buf's, as docs/automation.md has it, and grpc-js.
#include <regex>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/tls_instance.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class AutomationTest : public TlsInstanceTest {
 protected:
  void SetUp() override {
    TlsInstanceTest::SetUp();
    ASSERT_TRUE(fs::exists(Modules()))
        << "scripts/test-assets fetches them from npm: " << ReadFile(Assets() / "clients.log").value_or("");
    ASSERT_OK_AND_ASSIGN(address_, TlsGateway::AddressOf(*instance_));
  }
  void TearDown() override {
    for (const char* vm : {"auto", "here", "there"}) Run({"vm", "delete", "--force", vm});
  }

  static fs::path Modules() { return Assets() / "clients/node_modules"; }
  static std::string Socket() { return (instance_->root() / "run/gateway.sock").string(); }

  CommandResult Program(std::vector<std::string> argv, const std::string& directory = "/") const {
    auto result = RunCommand(
        {.argv = std::move(argv),
         .env =
             std::vector<std::string>{
                 absl::StrCat("PATH=", Modules().string(), "/@bufbuild/buf-linux-x64/bin:/usr/bin:/bin"),
                 absl::StrCat("NODE_PATH=", Modules().string()), absl::StrCat("SOCKET=", Socket()),
                 absl::StrCat("ADDRESS=", address_), absl::StrCat("HOME=", directory)},
         .working_dir = directory});
    EXPECT_OK(result);
    return result.ok() ? *std::move(result) : CommandResult{};
  }
  CommandResult Drive(std::vector<std::string> arguments) const {
    std::vector<std::string> argv = {"node", BANGER_SOURCE_DIR "/tests/e2e/clients/drive.js"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return Program(argv);
  }

  std::string address_;
};

TEST_F(AutomationTest, EveryLineOfTheDocumentWorks) {
  ASSERT_OK_AND_ASSIGN(const std::string document, ReadFile(BANGER_SOURCE_DIR "/docs/automation.md"));
  const std::regex block("```sh\n([^`]*)```");
  std::string script = "set -euo pipefail\n";
  int blocks = 0;
  for (std::sregex_iterator at(document.begin(), document.end(), block), end; at != end; ++at, ++blocks)
    absl::StrAppend(&script, (*at)[1].str());
  EXPECT_GE(blocks, 4);

  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  for (const auto& [from, to] :
       {std::pair("ca.pem", "ca.pem"), {"operator.pem", "me.pem"}, {"operator.key", "me.key"}})
    fs::copy(tls_->File(from), dir.path() / to);
  const CommandResult result = Program({"bash", "-c", script}, dir.path());
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("banger.vm.v1.VmService\n"), HasSubstr("grpc.health.v1.Health\n"),
                    HasSubstr("\"SERVING\""), HasSubstr("\"STATE_RUNNING\""), HasSubstr("\nhello\n"),
                    HasSubstr("banger.vm.v1.VmService/ExecVm\n"), HasSubstr("\nvms/auto\n"),
                    Not(HasSubstr("banger.network.v1.NetworkService"))));
  // The reason, VM_NOT_FOUND, comes as the bytes that it has on the wire.
  EXPECT_THAT(result.err, AllOf(HasSubstr("not_found"), HasSubstr("google.rpc.ErrorInfo"),
                                HasSubstr(absl::Base64Escape("\n\x0cVM_NOT_FOU"))));
}

TEST_F(AutomationTest, AnotherLibraryDrivesAVmOverTheSocket) {
  const HostSnapshot before = instance_->Snapshot();
  const CommandResult result = Drive({absl::StrCat("unix:", Socket()), "here"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(result.out, "create\nexec\nremove\n");
  EXPECT_TRUE(Eventually([&] { return instance_->Snapshot() == before; }))
      << Changes(before, instance_->Snapshot());
}

TEST_F(AutomationTest, AnotherLibraryDrivesAVmOverTls) {
  const CommandResult result = Drive(
      {address_, "there", tls_->File("ca.pem"), tls_->File("operator.pem"), tls_->File("operator.key")});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(result.out, "create\nexec\nremove\n");
}

TEST_F(AutomationTest, AViewerIsToldWhatItLacks) {
  const CommandResult result =
      Drive({address_, "there", tls_->File("ca.pem"), tls_->File("viewer.pem"), tls_->File("viewer.key")});
  EXPECT_EQ(result.status.code, 1);
  EXPECT_THAT(result.err, HasSubstr("CreateVm needs the role operator"));
}

}  // namespace
}  // namespace banger::e2e
