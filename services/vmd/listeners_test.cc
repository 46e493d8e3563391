#include "services/vmd/listeners.h"

#include "services/vmd/testing/service_fixture.h"

namespace banger::vmd {
namespace {

using namespace banger::vm::v1;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ListenersTest : public ServiceFixture {
 protected:
  absl::Status Ask(const std::string& vm) {
    grpc::ClientContext context;
    GetVmListenersRequest request;
    request.set_name(vm);
    return rpc::FromGrpc(stub_->GetVmListeners(&context, request, &response_));
  }

  GetVmListenersResponse response_;
};

TEST_F(ListenersTest, TellsWhoListensAndHowItIsReached) {
  const std::string uid = CreateVm("web");
  FakeAgent agent(AgentSocket(uid));
  for (const auto& [address, port] : {std::pair("0.0.0.0", 80), {"127.0.0.1", 5432}, {"::1", 6379}}) {
    guest::v1::Listener& listener = *agent.listeners.add_listeners();
    listener.set_address(address);
    listener.set_port(port);
    listener.set_pid(7);
    listener.set_process("app");
  }
  links_.Open(uid, {.socket = AgentSocket(uid)}, {});
  ASSERT_OK(vms_->PublishPort("web", {.host_port = 8080, .guest_port = 5432}, {}));

  ASSERT_OK(Ask("vms/web"));
  EXPECT_EQ(response_.name(), "vms/web");
  ASSERT_EQ(response_.listeners_size(), 3);
  EXPECT_EQ(response_.listeners(0).endpoint(), "web.vm:80");
  EXPECT_EQ(response_.listeners(0).process(), "app");
  EXPECT_THAT(response_.listeners(0).published(), IsEmpty());
  EXPECT_EQ(response_.listeners(1).endpoint(), "");
  EXPECT_THAT(response_.listeners(1).published(), ElementsAre("127.0.0.1:8080"));
  EXPECT_EQ(response_.listeners(2).endpoint(), "");
  links_.Close(uid);
}

TEST_F(ListenersTest, WhatDoesNotRunHasNone) {
  ASSERT_OK(vms_->Create({.name = "off", .no_start = true}, [](const Progress&) {}, {}));
  EXPECT_EQ(ErrorReason(Ask("vms/off")), "VM_NOT_RUNNING");
  EXPECT_EQ(ErrorReason(Ask("vms/none")), "VM_NOT_FOUND");
}

}  // namespace
}  // namespace banger::vmd
