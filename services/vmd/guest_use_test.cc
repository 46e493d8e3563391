// Whoever uses a guest keeps its VM from being stopped as unused.
#include <atomic>

#include "services/vmd/testing/service_fixture.h"

namespace banger::vmd {
namespace {

using namespace banger::vm::v1;
namespace guest_v1 = banger::guest::v1;

class GuestUseTest : public ServiceFixture {
 protected:
  void SetUp() override {
    stale_after_ = std::chrono::hours(1);
    ServiceFixture::SetUp();
    uid_ = CreateVm("box");
    agent_ = std::make_unique<FakeAgent>(AgentSocket(uid_), [this](grpc::ServerContext&, auto& stream) {
      guest_v1::ExecRequest request;
      stream.Read(&request);
      Work();
      guest_v1::ExecResponse response;
      response.mutable_output()->mutable_exited()->set_exit_code(0);
      stream.Write(response);
      return grpc::Status::OK;
    });
    agent_->on_read_tree = [this](const guest_v1::ReadTreeRequest&, FakeAgent::ReadTreeWriter&) {
      Work();
      return grpc::Status::OK;
    };
    agent_->on_write_tree = [this](FakeAgent::WriteTreeStream&) {
      Work();
      return grpc::Status::OK;
    };
    links_.Open(uid_, {.socket = AgentSocket(uid_)}, {});
  }
  void TearDown() override {
    may_end_ = true;
    links_.Close(uid_);
    ServiceFixture::TearDown();
  }
  // The guest is at it until the test lets it end.
  void Work() {
    working_ = true;
    Eventually([this] { return may_end_.load(); });
  }
  void After(std::chrono::seconds time) {
    world_.clock.seconds += time.count();
    vms_->StopStale();
  }
  bool Runs() { return vms_->Get("box")->vm.state == VmState::kRunning; }
  // `finish` ends the call that is in progress.
  template <typename Finish>
  void ExpectInUseUntil(Finish finish) {
    ASSERT_TRUE(Eventually([this] { return working_.load(); }));
    After(std::chrono::hours(10));
    EXPECT_TRUE(Runs());
    may_end_ = true;
    finish();
    After(std::chrono::minutes(59));
    EXPECT_TRUE(Runs());
    After(std::chrono::minutes(2));
    EXPECT_TRUE(Eventually([this] { return !Runs(); }));
  }

  std::string uid_;
  std::unique_ptr<FakeAgent> agent_;
  grpc::ClientContext context_;
  std::atomic<bool> working_ = false;
  std::atomic<bool> may_end_ = false;
};

// `vm ssh` is one, too.
TEST_F(GuestUseTest, ACommandIsAUse) {
  const auto call = stub_->ExecVm(&context_);
  ExecVmRequest request;
  request.set_name("vms/box");
  request.mutable_input()->mutable_command()->add_argv("x");
  call->Write(request);
  ExpectInUseUntil([&] {
    for (ExecVmResponse response; call->Read(&response);) continue;
    EXPECT_OK(rpc::FromGrpc(call->Finish()));
  });
}

TEST_F(GuestUseTest, ACopyOutIsAUse) {
  ReadVmTreeRequest request;
  request.set_name("vms/box");
  request.mutable_source()->set_path("/etc");
  const auto call = stub_->ReadVmTree(&context_, request);
  ExpectInUseUntil([&] {
    for (ReadVmTreeResponse response; call->Read(&response);) continue;
    EXPECT_OK(rpc::FromGrpc(call->Finish()));
  });
}

TEST_F(GuestUseTest, ACopyInIsAUse) {
  const auto call = stub_->WriteVmTree(&context_);
  WriteVmTreeRequest request;
  request.mutable_spec()->set_name("vms/box");
  request.mutable_spec()->mutable_target()->set_path("/srv");
  call->Write(request);
  ExpectInUseUntil([&] {
    for (WriteVmTreeResponse response; call->Read(&response);) continue;
    EXPECT_OK(rpc::FromGrpc(call->Finish()));
  });
}

}  // namespace
}  // namespace banger::vmd
