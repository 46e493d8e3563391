// Answers that have a VM in them.
#pragma once

#include <utility>

#include "absl/status/statusor.h"
#include "common/rpc/server_call.h"
#include "services/vmd/convert.h"
#include "services/vmd/core/host_resources.h"

namespace banger::vmd {

// Progress as messages of a stream whose last one is the result.
template <typename Response>
ProgressFn ReportTo(rpc::Writer<Response>& out) {
  return [&out](const Progress& progress) {
    Response response;
    *response.mutable_progress() = ToProto(progress);
    out.Send(std::move(response));
  };
}

template <typename Response>
absl::Status SendVm(const absl::StatusOr<VmView>& view, rpc::Writer<Response>& out) {
  if (!view.ok()) return view.status();
  Response response;
  *response.mutable_vm() = ToProto(*view);
  out.Send(std::move(response));
  return absl::OkStatus();
}

template <typename Response>
absl::StatusOr<Response> WithVm(const absl::StatusOr<VmView>& view) {
  if (!view.ok()) return view.status();
  Response response;
  *response.mutable_vm() = ToProto(*view);
  return response;
}

}  // namespace banger::vmd
