#include "services/vmd/vm_service.h"

#include <set>

#include "absl/strings/str_format.h"
#include "services/vmd/testing/service_fixture.h"

namespace banger::vmd {
namespace {

using namespace banger::vm::v1;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VmServiceTest : public ServiceFixture {
 protected:
  // One unary call.
  template <typename Response, typename Request>
  absl::Status Call(grpc::Status (VmService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    rpc::ClientCall call("", std::chrono::seconds(20));
    return rpc::FromGrpc((stub_.get()->*method)(call.context(), request, response));
  }
  template <typename Response, typename Request>
  std::string ReasonOf(grpc::Status (VmService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                               Response*),
                       const Request& request) {
    Response ignored;
    const absl::Status status = Call(method, request, &ignored);
    return absl::StrCat(absl::StatusCodeToString(status.code()), " ", ErrorReason(status));
  }
  absl::Status Create(const CreateVmRequest& request, std::vector<CreateVmResponse>* responses = nullptr) {
    rpc::ClientCall call("", std::chrono::seconds(20));
    const auto reader = stub_->CreateVm(call.context(), request);
    CreateVmResponse response;
    while (reader->Read(&response))
      if (responses != nullptr) responses->push_back(response);
    return rpc::FromGrpc(reader->Finish());
  }
};

template <typename Request>
Request Named(const std::string& name) {
  Request request;
  request.set_name(name);
  return request;
}

TEST_F(VmServiceTest, CreateReportsProgressAndEndsWithTheVm) {
  CreateVmRequest request;
  request.set_vm_id("box");
  request.set_image("images/mini");
  request.set_vcpu(2);
  std::vector<CreateVmResponse> responses;
  ASSERT_OK(Create(request, &responses));
  ASSERT_GE(responses.size(), 2u);
  EXPECT_EQ(responses.front().progress().stage(), "acquire image");
  const vm::v1::Vm& vm = responses.back().vm();
  EXPECT_EQ(vm.name(), "vms/box");
  EXPECT_EQ(vm.image(), "images/mini");
  EXPECT_EQ(vm.state(), vm::v1::Vm::STATE_RUNNING);
  EXPECT_EQ(vm.vcpu(), 2);
  EXPECT_EQ(vm.address(), "172.30.0.2");
  EXPECT_EQ(vm.pid(), 42);

  EXPECT_THAT(Create(request), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("box")));
}

TEST_F(VmServiceTest, AZeroThatWasAskedForIsNotADefault) {
  CreateVmRequest request;
  request.set_memory_mib(0);
  const absl::Status status = Create(request);
  EXPECT_EQ(ErrorReason(status), "VM_SIZE_INVALID");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("memory_mib")));
  EXPECT_THAT(world_.things.All(), IsEmpty());
}

TEST_F(VmServiceTest, ACreateWhoseCallerLeavesLeavesNothing) {
  world_.guests.boot = FakeGuests::Boot::kHangs;
  grpc::ClientContext context;
  CreateVmRequest request;
  request.set_vm_id("box");
  const auto reader = stub_->CreateVm(&context, request);
  ASSERT_TRUE(Eventually([&] { return !world_.guests.waiting.All().empty(); }));
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return world_.things.All().empty(); }));
  EXPECT_TRUE(Eventually([&] {
    return ReasonOf(&VmService::Stub::GetVm, Named<GetVmRequest>("vms/box")) == "NOT_FOUND VM_NOT_FOUND";
  }));
}

TEST_F(VmServiceTest, WhatIsWrongHasACodeAndAReason) {
  CreateVm("box");
  using Stub = VmService::Stub;
  EXPECT_EQ(ReasonOf(&Stub::GetVm, Named<GetVmRequest>("vms/none")), "NOT_FOUND VM_NOT_FOUND");
  EXPECT_EQ(ReasonOf(&Stub::GetVm, Named<GetVmRequest>("box")), "INVALID_ARGUMENT VM_NAME_INVALID");
  EXPECT_EQ(ReasonOf(&Stub::GetVm, Named<GetVmRequest>("vms/A_B")), "INVALID_ARGUMENT VM_NAME_INVALID");
  EXPECT_EQ(ReasonOf(&Stub::StopVm, Named<StopVmRequest>("vms/none")), "NOT_FOUND VM_NOT_FOUND");
  EXPECT_EQ(ReasonOf(&Stub::DeleteVm, Named<DeleteVmRequest>("vms/box")), "FAILED_PRECONDITION VM_RUNNING");
  ListVmsRequest list;
  list.set_page_size(-1);
  EXPECT_EQ(ReasonOf(&Stub::ListVms, list), "INVALID_ARGUMENT FIELD_INVALID");
  auto stop = Named<StopVmRequest>("vms/box");
  stop.mutable_timeout()->set_seconds(-1);
  EXPECT_EQ(ReasonOf(&Stub::StopVm, stop), "INVALID_ARGUMENT FIELD_INVALID");
  auto kill = Named<KillVmRequest>("vms/box");
  kill.set_signal(64);
  EXPECT_EQ(ReasonOf(&Stub::KillVm, kill), "INVALID_ARGUMENT SIGNAL_INVALID");
  kill.set_signal(0);
  EXPECT_EQ(ReasonOf(&Stub::KillVm, kill), "OK ");
  EXPECT_EQ(ReasonOf(&Stub::KillVm, kill), "FAILED_PRECONDITION VM_NOT_RUNNING");
  CreateVmRequest create;
  create.set_image("mini");
  EXPECT_EQ(ErrorReason(Create(create)), "FIELD_INVALID");
}

TEST_F(VmServiceTest, AnErrorThatTheApiDoesNotNameIsOurBug) {
  CreateVm("box");
  world_.host.FailAt("Update", absl::DataLossError("the store is broken"));
  EXPECT_EQ(ReasonOf(&VmService::Stub::StopVm, Named<StopVmRequest>("vms/box")), "INTERNAL INTERNAL");
}

TEST_F(VmServiceTest, StopAndDeleteAnswerWithWhatIsLeft) {
  CreateVm("box");
  StopVmResponse stopped;
  ASSERT_OK(Call(&VmService::Stub::StopVm, Named<StopVmRequest>("vms/box"), &stopped));
  EXPECT_EQ(stopped.vm().state(), vm::v1::Vm::STATE_STOPPED);
  EXPECT_EQ(stopped.vm().pid(), 0);
  DeleteVmResponse deleted;
  ASSERT_OK(Call(&VmService::Stub::DeleteVm, Named<DeleteVmRequest>("vms/box"), &deleted));
  EXPECT_THAT(world_.things.All(), IsEmpty());
}

TEST_F(VmServiceTest, SnapshotsAreMadeListedRestoredClonedAndDeleted) {
  CreateVm("box");
  for (const char* name : {"b", "a", "c"}) {
    rpc::ClientCall call("", std::chrono::seconds(20));
    auto request = Named<CreateVmSnapshotRequest>("vms/box");
    request.set_snapshot_id(name);
    const auto reader = stub_->CreateVmSnapshot(call.context(), request);
    CreateVmSnapshotResponse response;
    while (reader->Read(&response)) continue;
    ASSERT_OK(rpc::FromGrpc(reader->Finish()));
    EXPECT_EQ(response.snapshot().name(), absl::StrCat("vms/box/snapshots/", name));
    EXPECT_TRUE(response.snapshot().has_memory());
    EXPECT_EQ(response.snapshot().kernel(), "6.1.0");
  }
  std::vector<std::string> names;
  auto list = Named<ListVmSnapshotsRequest>("vms/box");
  list.set_page_size(2);
  do {
    ListVmSnapshotsResponse page;
    ASSERT_OK(Call(&VmService::Stub::ListVmSnapshots, list, &page));
    for (const vm::v1::Snapshot& snapshot : page.snapshots()) names.push_back(snapshot.name());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(names,
              ::testing::ElementsAre("vms/box/snapshots/a", "vms/box/snapshots/b", "vms/box/snapshots/c"));
  {
    rpc::ClientCall call("", std::chrono::seconds(20));
    const auto reader = stub_->RestoreVm(call.context(), Named<RestoreVmRequest>("vms/box/snapshots/a"));
    RestoreVmResponse response;
    while (reader->Read(&response)) continue;
    ASSERT_OK(rpc::FromGrpc(reader->Finish()));
    EXPECT_EQ(response.vm().state(), vm::v1::Vm::STATE_RUNNING);
  }
  {
    rpc::ClientCall call("", std::chrono::seconds(20));
    auto request = Named<CloneVmRequest>("vms/box/snapshots/a");
    request.set_vm_id("twin");
    const auto reader = stub_->CloneVm(call.context(), request);
    CloneVmResponse response;
    while (reader->Read(&response)) continue;
    ASSERT_OK(rpc::FromGrpc(reader->Finish()));
    EXPECT_EQ(response.vm().name(), "vms/twin");
  }
  using Stub = VmService::Stub;
  const auto remove = [](const char* name) { return Named<DeleteVmSnapshotRequest>(name); };
  EXPECT_EQ(ReasonOf(&Stub::DeleteVmSnapshot, remove("vms/box/snapshots/a")), "OK ");
  EXPECT_EQ(ReasonOf(&Stub::DeleteVmSnapshot, remove("vms/box/snapshots/a")), "NOT_FOUND SNAPSHOT_NOT_FOUND");
  EXPECT_EQ(ReasonOf(&Stub::DeleteVmSnapshot, remove("vms/box/snapshots/../a")),
            "INVALID_ARGUMENT SNAPSHOT_NAME_INVALID");
  EXPECT_EQ(ReasonOf(&Stub::DeleteVmSnapshot, remove("vms/box")), "INVALID_ARGUMENT SNAPSHOT_NAME_INVALID");
}

TEST_F(VmServiceTest, TenThousandVmsComeEachOnceAndOnlyThoseThatAreUpOnRequest) {
  constexpr int kVms = 10'000;
  for (int i = 0; i < kVms; ++i) {
    Vm vm{.uid = absl::StrFormat("%012x", i), .name = absl::StrCat("vm-", i)};
    vm.state = i % 1000 == 7 ? VmState::kRunning : VmState::kStopped;
    ASSERT_OK(world_.store.Insert(vm));
  }
  for (const bool only_up : {false, true}) {
    std::set<std::string> seen;
    ListVmsRequest request;
    request.set_page_size(only_up ? 3 : 1000);
    request.set_only_up(only_up);
    do {
      ListVmsResponse page;
      ASSERT_OK(Call(&VmService::Stub::ListVms, request, &page));
      for (const vm::v1::Vm& vm : page.vms()) EXPECT_TRUE(seen.insert(vm.uid()).second);
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    EXPECT_EQ(seen.size(), only_up ? 10u : 10'000u);
  }
}

TEST_F(VmServiceTest, ListsPageByPage) {
  for (const char* name : {"a", "b", "c"}) CreateVm(name);
  std::vector<std::string> names;
  ListVmsRequest request;
  request.set_page_size(2);
  int pages = 0;
  do {
    ListVmsResponse response;
    ASSERT_OK(Call(&VmService::Stub::ListVms, request, &response));
    for (const vm::v1::Vm& vm : response.vms()) names.push_back(vm.name());
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 2);
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("vms/a", "vms/b", "vms/c"));
}

}  // namespace
}  // namespace banger::vmd
