// vm ports, against a fake gateway.
#include "absl/strings/str_split.h"
#include "cli/errors.h"
#include "cli/testing/vm_fixture.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::HasSubstr;

class VmPortsTest : public VmTest {
 protected:
  VmPortsTest() {
    vm::v1::Listener& web = *state_.listeners.add_listeners();
    web.set_protocol(vm::v1::PublishedPort::PROTOCOL_TCP);
    web.set_address("::");
    web.set_port(8080);
    web.set_pid(12);
    web.set_process("ng\x1b[2Jinx");
    web.set_endpoint("web.vm:8080");
    web.add_published("127.0.0.1:80");
    vm::v1::Listener& dns = *state_.listeners.add_listeners();
    dns.set_protocol(vm::v1::PublishedPort::PROTOCOL_UDP);
    dns.set_address("127.0.0.1");
    dns.set_port(53);
  }
};

TEST_F(VmPortsTest, WhoListensIsATable) {
  const CommandResult result = Run({"vm", "ports", "web", "old"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_THAT(result.out,
              HasSubstr("VM    PROTOCOL   LISTENS ON     PROCESS          ENDPOINT      PUBLISHED\n"));
  EXPECT_THAT(result.out,
              HasSubstr("web   tcp        [::]:8080      ng?[2Jinx (12)   web.vm:8080   127.0.0.1:80\n"
                        "web   udp        127.0.0.1:53   -                -             -\nold "));
}

TEST_F(VmPortsTest, JsonIsALineForEachVmInTheirOrder) {
  const CommandResult result = Run({"vm", "ports", "web", "old", "web", "--format", "json"});
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n');
  ASSERT_EQ(lines.size(), 3U) << result.out;
  EXPECT_THAT(lines[0], HasSubstr("\"name\":\"vms/web\""));
  EXPECT_THAT(lines[0], HasSubstr("\"endpoint\":\"web.vm:8080\""));
  EXPECT_THAT(lines[1], HasSubstr("\"name\":\"vms/old\""));
  EXPECT_EQ(lines[2], "");
}

TEST_F(VmPortsTest, WhatFailsIsNamedAndTheRestIsShown) {
  const CommandResult result = Run({"vm", "ports", "ghost", "web"});
  EXPECT_EQ(result.status.code, kExitNotFound);
  EXPECT_THAT(result.err, HasSubstr("show ports of vm 'ghost': vm 'ghost' not found"));
  EXPECT_THAT(result.out, HasSubstr("web   tcp "));

  state_.Fail("GetVmListeners",
              ApiError(absl::StatusCode::kFailedPrecondition, "VM_NOT_RUNNING", "not running"));
  const CommandResult none = Run({"vm", "ports", "old"});
  EXPECT_EQ(none.status.code, kExitFailed);
  EXPECT_THAT(none.err, HasSubstr("show ports of vm 'old': not running"));
  EXPECT_EQ(none.out, "");
}

}  // namespace
}  // namespace banger::cli
