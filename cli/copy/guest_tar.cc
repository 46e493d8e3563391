#include "cli/copy/guest_tar.h"

#include <algorithm>

#include "common/status/status_macros.h"

namespace banger::cli {

GuestTar::GuestTar(Client& client, const vm::v1::ReadVmTreeRequest& request,
                   std::chrono::milliseconds timeout, const std::string& what)
    : client_(client),
      call_(client.NewCall(timeout)),
      stub_(client.channel()),
      reader_(stub_.ReadVmTree(call_->context(), request)),
      shows_(!what.empty()),
      view_(what) {}

GuestTar::~GuestTar() {
  if (finished_) return;
  call_->context()->TryCancel();
  reader_->Finish();
}

absl::StatusOr<std::size_t> GuestTar::Read(std::span<char> buffer) {
  while (used_ == response_.chunk().size()) {
    if (finished_) return 0;
    BANGER_RETURN_IF_ERROR(Next());
  }
  const std::size_t count = std::min(buffer.size(), response_.chunk().size() - used_);
  std::copy_n(response_.chunk().data() + used_, count, buffer.data());
  used_ += count;
  return count;
}

absl::StatusOr<absl::string_view> GuestTar::ReadChunk() {
  do {
    if (finished_) return absl::string_view();
    BANGER_RETURN_IF_ERROR(Next());
  } while (response_.chunk().empty());
  return absl::string_view(response_.chunk());
}

absl::Status GuestTar::Next() {
  used_ = 0;
  if (!reader_->Read(&response_)) {
    response_.Clear();
    finished_ = true;
    view_.Clear();
    BANGER_RETURN_IF_ERROR(client_.Result(reader_->Finish()));
    return whole_ ? absl::OkStatus() : absl::DataLossError("the VM stopped in the middle");
  }
  if (response_.has_root()) progress_.set_total_bytes(response_.root().size_bytes());
  if (response_.has_summary()) {
    whole_ = true;
    summary_ = response_.summary();
  }
  Show();
  return absl::OkStatus();
}

void GuestTar::Show() {
  progress_.set_stage("copy");
  progress_.set_done_bytes(progress_.done_bytes() + static_cast<std::int64_t>(response_.chunk().size()));
  const auto now = std::chrono::steady_clock::now();
  if (!shows_ || now < next_show_) return;
  next_show_ = now + std::chrono::milliseconds(100);
  view_.Show(progress_);
}

}  // namespace banger::cli
