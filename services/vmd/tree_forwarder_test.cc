#include "services/vmd/tree_forwarder.h"

#include <atomic>

#include "services/vmd/testing/service_fixture.h"

namespace banger::vmd {
namespace {

using namespace banger::vm::v1;
using ::testing::HasSubstr;
namespace guest_v1 = banger::guest::v1;

class TreeForwarderTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    uid_ = CreateVm("box");
    agent_ = std::make_unique<FakeAgent>(AgentSocket(uid_));
    links_.Open(uid_, {.socket = AgentSocket(uid_)}, {});
  }
  void TearDown() override {
    links_.Close(uid_);
    ServiceFixture::TearDown();
  }
  static WriteVmTreeRequest Spec(const std::string& vm) {
    WriteVmTreeRequest request;
    request.mutable_spec()->set_name(vm);
    request.mutable_spec()->mutable_target()->set_path("/srv");
    return request;
  }

  std::string uid_;
  std::unique_ptr<FakeAgent> agent_;
  grpc::ClientContext context_;
};

TEST_F(TreeForwarderTest, ATreeComesOutOfTheGuest) {
  agent_->on_read_tree = [](const guest_v1::ReadTreeRequest& request, FakeAgent::ReadTreeWriter& writer) {
    guest_v1::ReadTreeResponse response;
    response.mutable_root()->set_size_bytes(3);
    writer.Write(response);
    for (int i = 0; i < 32; ++i) {
      response.set_chunk(request.source().path() + std::string(256 << 10, static_cast<char>(i)));
      writer.Write(response);
    }
    response.mutable_summary()->set_file_count(1);
    writer.Write(response);
    return grpc::Status::OK;
  };
  ReadVmTreeRequest request;
  request.set_name("vms/box");
  request.mutable_source()->set_path("/etc");
  const auto call = stub_->ReadVmTree(&context_, request);
  ReadVmTreeResponse response;
  ASSERT_TRUE(call->Read(&response));
  EXPECT_EQ(response.root().size_bytes(), 3);
  for (int i = 0; i < 32; ++i) {
    ASSERT_TRUE(call->Read(&response));
    EXPECT_TRUE(response.chunk() == "/etc" + std::string(256 << 10, static_cast<char>(i))) << i;
  }
  ASSERT_TRUE(call->Read(&response));
  EXPECT_EQ(response.summary().file_count(), 1);
  EXPECT_FALSE(call->Read(&response));
  EXPECT_OK(rpc::FromGrpc(call->Finish()));
}

TEST_F(TreeForwarderTest, ATreeGoesIntoTheGuest) {
  agent_->on_write_tree = [](FakeAgent::WriteTreeStream& stream) {
    guest_v1::WriteTreeRequest request;
    stream.Read(&request);
    const std::string path = request.target().path();
    std::int64_t bytes = 0;
    while (stream.Read(&request) && !request.chunk().empty())
      bytes += static_cast<std::int64_t>(request.chunk().size());
    guest_v1::WriteTreeResponse response;
    response.mutable_progress()->set_done_bytes(bytes);
    stream.Write(response);
    response.mutable_summary()->set_data_bytes(path == "/srv" ? bytes : 0);
    stream.Write(response);
    return grpc::Status::OK;
  };
  const auto call = stub_->WriteVmTree(&context_);
  call->Write(Spec("vms/box"));
  WriteVmTreeRequest request;
  request.set_chunk(std::string(100'000, 'x'));
  for (int i = 0; i < 50; ++i) call->Write(request);
  request.set_chunk("");
  call->Write(request);
  WriteVmTreeResponse response;
  ASSERT_TRUE(call->Read(&response));
  EXPECT_EQ(response.progress().done_bytes(), 5'000'000);
  ASSERT_TRUE(call->Read(&response));
  EXPECT_EQ(response.summary().data_bytes(), 5'000'000);
  EXPECT_OK(rpc::FromGrpc(call->Finish()));
}

TEST_F(TreeForwarderTest, AGuestThatGoesEndsTheCall) {
  agent_->on_read_tree = [this](const guest_v1::ReadTreeRequest&, FakeAgent::ReadTreeWriter& writer) {
    guest_v1::ReadTreeResponse response;
    response.set_chunk("x");
    writer.Write(response);
    agent_->Drop();
    while (writer.Write(response)) continue;
    return grpc::Status::CANCELLED;
  };
  ReadVmTreeRequest request;
  request.set_name("vms/box");
  const auto call = stub_->ReadVmTree(&context_, request);
  for (ReadVmTreeResponse response; call->Read(&response);) EXPECT_FALSE(response.has_summary());
  const absl::Status status = rpc::FromGrpc(call->Finish());
  EXPECT_EQ(ErrorReason(status), "GUEST_UNREACHABLE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'box'"));
}

TEST_F(TreeForwarderTest, ACallerThatLeavesEndsTheGuestsCall) {
  std::atomic<bool> begun = false;
  std::atomic<bool> ended = false;
  agent_->on_write_tree = [&](FakeAgent::WriteTreeStream& stream) {
    begun = true;
    guest_v1::WriteTreeRequest request;
    while (stream.Read(&request)) continue;
    ended = true;
    return grpc::Status::CANCELLED;
  };
  const auto call = stub_->WriteVmTree(&context_);
  call->Write(Spec("vms/box"));
  ASSERT_TRUE(Eventually([&] { return begun.load(); }));
  context_.TryCancel();
  call->Finish();
  EXPECT_TRUE(Eventually([&] { return ended.load(); }));
}

TEST_F(TreeForwarderTest, WhatCannotBeIsRefused) {
  for (const char* vm : {"vms/none", "none", ""}) {
    grpc::ClientContext context;
    const auto call = stub_->WriteVmTree(&context);
    call->Write(Spec(vm));
    WriteVmTreeResponse response;
    EXPECT_FALSE(call->Read(&response));
    EXPECT_FALSE(call->Finish().ok()) << vm;
  }
  grpc::ClientContext context;
  const auto call = stub_->WriteVmTree(&context);
  WriteVmTreeRequest request;
  request.set_chunk("x");
  call->Write(request);
  EXPECT_EQ(ErrorReason(rpc::FromGrpc(call->Finish())), "FIELD_INVALID");
}

}  // namespace
}  // namespace banger::vmd
