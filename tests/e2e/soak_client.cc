#include "tests/e2e/soak_client.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

constexpr std::size_t kCallsOfAConnection = 50;
// Emulated ones on a busy machine.
constexpr auto kPatienceWithGuests = 4 * kPatience;

}  // namespace

void Tally::Fail(const std::string& what, const absl::Status& status) {
  const std::lock_guard lock(mutex);
  ++failures[absl::StrCat(what, ": ", status.ToString())];
}

SoakClient::SoakClient(Connect connect, int number, bool boots, Tally& tally)
    : connect_(std::move(connect)),
      number_(number),
      boots_(boots),
      name_(absl::StrCat("soak-", number)),
      tally_(tally) {}

void SoakClient::Reconnect() {
  const std::shared_ptr<grpc::Channel> channel = connect_();
  vms_ = vm::v1::VmService::NewStub(channel);
  images_ = image::v1::ImageService::NewStub(channel);
}

void SoakClient::Run(const std::stop_token& stop) {
  const std::array<void (SoakClient::*)(), 7> works = {
      &SoakClient::Get,   &SoakClient::List,   &SoakClient::Execute, &SoakClient::Log,
      &SoakClient::Watch, &SoakClient::Images, &SoakClient::Make};
  for (std::size_t i = 0; !stop.stop_requested(); ++i) {
    if (i % kCallsOfAConnection == 0) Reconnect();
    (this->*works[(i + static_cast<std::size_t>(number_)) % works.size()])();
  }
}

// Until it is done, as gRPC says that clients may. Who asks again waits for the connection:
// calls that fail at once leave nobody who would see it come, in gRPC 1.51.
void SoakClient::Ask(const std::string& what,
                     const std::function<grpc::Status(grpc::ClientContext*)>& attempt) {
  absl::Status status;
  int tries = 0;
  const bool answered = Eventually(
      [&] {
        rpc::ClientCall call("", kPatience);
        call.context()->set_wait_for_ready(tries++ > 0);
        status = rpc::FromGrpc(attempt(call.context()));
        return !absl::IsUnavailable(status) && !absl::IsResourceExhausted(status);
      },
      kPatience);
  if (tries > 1) ++tally_.asked_again;
  if (!answered || !status.ok()) tally_.Fail(what, status);
  ++tally_.asked;
}

// What a restart of who serves it cuts short.
void SoakClient::Once(const std::string& what, const absl::Status& ended) {
  ++tally_.done;
  if (ended.ok()) return;
  ++tally_.cut_short;
  // A create that was cut short is still being undone when the next one comes.
  const bool restarted = absl::IsUnavailable(ended) || absl::IsCancelled(ended) ||
                         absl::IsResourceExhausted(ended) || absl::IsAlreadyExists(ended);
  if (!restarted) tally_.Fail(what, ended);
}

void SoakClient::Get() {
  Ask("GetVm", [this](grpc::ClientContext* context) {
    vm::v1::GetVmRequest request;
    request.set_name("vms/box");
    vm::v1::GetVmResponse response;
    return vms_->GetVm(context, request, &response);
  });
}

void SoakClient::List() {
  Ask("ListVms", [this](grpc::ClientContext* context) {
    vm::v1::ListVmsResponse response;
    return vms_->ListVms(context, {}, &response);
  });
}

void SoakClient::Images() {
  Ask("ListImages", [this](grpc::ClientContext* context) {
    image::v1::ListImagesResponse response;
    return images_->ListImages(context, {}, &response);
  });
}

void SoakClient::Log() {
  Ask("ReadVmLog", [this](grpc::ClientContext* context) {
    vm::v1::ReadVmLogRequest request;
    request.set_name("vms/box");
    const auto stream = vms_->ReadVmLog(context, request);
    for (vm::v1::ReadVmLogResponse response; stream->Read(&response);) {
    }
    return stream->Finish();
  });
}

// Until all VMs came, then leaves the stream as a client does that went away.
void SoakClient::Watch() {
  Ask("WatchVms", [this](grpc::ClientContext* context) {
    const auto stream = vms_->WatchVms(context, {});
    bool synced = false;
    for (vm::v1::WatchVmsResponse response; !synced && stream->Read(&response);) synced = response.synced();
    if (synced) context->TryCancel();
    const grpc::Status status = stream->Finish();
    return synced ? grpc::Status::OK : status;
  });
}

void SoakClient::Execute() {
  rpc::ClientCall call("", kPatienceWithGuests);
  const auto stream = vms_->ExecVm(call.context());
  vm::v1::ExecVmRequest request;
  request.set_name("vms/box");
  request.mutable_input()->mutable_command()->add_argv("true");
  stream->Write(request);
  int code = -1;
  for (vm::v1::ExecVmResponse response; stream->Read(&response);)
    if (response.output().has_exited()) code = response.output().exited().exit_code();
  const absl::Status status = rpc::FromGrpc(stream->Finish());
  if (status.ok() && code != 0)
    tally_.Fail("ExecVm", absl::InternalError(absl::StrCat("'true' gave ", code)));
  Once("ExecVm", status);
}

void SoakClient::Make() {
  rpc::ClientCall call("", kPatienceWithGuests);
  vm::v1::CreateVmRequest request;
  request.set_vm_id(name_);
  request.set_image("images/mini");
  request.set_no_start(!boots_);
  const auto stream = vms_->CreateVm(call.context(), request);
  for (vm::v1::CreateVmResponse response; stream->Read(&response);) {
  }
  Once("CreateVm", rpc::FromGrpc(stream->Finish()));
  Delete();
}

void SoakClient::Delete() {
  Ask("DeleteVm", [this](grpc::ClientContext* context) {
    vm::v1::DeleteVmRequest request;
    request.set_name("vms/" + name_);
    request.set_force(true);
    vm::v1::DeleteVmResponse response;
    const grpc::Status status = vms_->DeleteVm(context, request, &response);
    return status.error_code() == grpc::StatusCode::NOT_FOUND ? grpc::Status::OK : status;
  });
}

}  // namespace banger::e2e
