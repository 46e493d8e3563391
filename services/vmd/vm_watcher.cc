#include "services/vmd/vm_watcher.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/vmd/convert.h"

namespace banger::vmd {
namespace {

using vm::v1::WatchVmsResponse;

constexpr std::size_t kPage = 100;

absl::Status Left() { return absl::CancelledError("the caller has left"); }

absl::Status SendAll(VmManager& vms, rpc::Writer<WatchVmsResponse>& out) {
  std::string after;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::vector<VmView> page, vms.List(after, kPage));
    if (page.empty()) return absl::OkStatus();
    WatchVmsResponse response;
    for (const VmView& view : page) *response.add_vms() = ToProto(view);
    if (!out.Send(std::move(response))) return Left();
    after = PageKey(page.back().vm);
  }
}

WatchVmsResponse ToProto(VmManager& vms, const VmEvent& event) {
  WatchVmsResponse response;
  if (event.deleted) {
    vm::v1::DeletedVm& deleted = *response.add_deleted_vms();
    deleted.set_name(absl::StrCat("vms/", event.vm.name));
    deleted.set_uid(event.vm.uid);
  } else {
    *response.add_vms() = ToProto(vms.View(event.vm));
  }
  return response;
}

}  // namespace

absl::Status StreamVms(VmManager& vms, const vm::v1::WatchVmsRequest& request, const rpc::Call& call,
                       rpc::Writer<WatchVmsResponse>& out) {
  VmEvents& events = vms.events();
  BANGER_ASSIGN_OR_RETURN(const VmEvents::Seat seat, events.Sit());
  // Before the list: what changes while it is sent is sent again.
  VmEvents::Position position = events.Now();
  if (request.resume_token().empty()) {
    BANGER_RETURN_IF_ERROR(SendAll(vms, out));
  } else {
    BANGER_ASSIGN_OR_RETURN(position, events.Parse(request.resume_token()));
  }
  WatchVmsResponse synced;
  synced.set_synced(true);
  synced.set_resume_token(events.Token(position));
  if (!out.Send(std::move(synced))) return Left();
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::shared_ptr<const VmEvent> event, events.Next(position, call.stop));
    WatchVmsResponse response = ToProto(vms, *event);
    response.set_resume_token(events.Token(position));
    if (!out.Send(std::move(response))) return Left();
  }
}

}  // namespace banger::vmd
