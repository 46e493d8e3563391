#include "common/rpc/error_mapping.h"

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/utf8.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace banger::rpc {
namespace {

std::string& Domain() {
  static std::string domain = "banger";
  return domain;
}

bool SpeaksForItself(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

// An error travels in HTTP/2 trailers, which peers take up to 8 KiB of, and in messages
// that take UTF-8 only: what a hostile name makes longer, or something else, would
// arrive as another error. Cut between characters.
std::string Presentable(absl::string_view text) {
  constexpr std::size_t kMax = 1000;
  if (text.size() <= kMax) return ValidUtf8(text);
  std::size_t end = kMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(ValidUtf8(text.substr(0, end)), "...");
}

}  // namespace

void SetErrorDomain(absl::string_view daemon) { Domain() = absl::StrCat(daemon, ".banger"); }

bool IsInternalBug(const absl::Status& status) {
  return !status.ok() && ErrorReason(status).empty() && !SpeaksForItself(status.code());
}

grpc::Status ToGrpc(const absl::Status& status, const std::string& request_id) {
  if (status.ok()) return grpc::Status::OK;
  const bool internal = IsInternalBug(status);
  const auto code = internal ? grpc::StatusCode::INTERNAL : static_cast<grpc::StatusCode>(status.code());
  const std::string message = Presentable(internal ? absl::StrCat("internal error: ", status.message())
                                                   : std::string(status.message()));
  google::rpc::ErrorInfo info;
  info.set_reason(ErrorReason(status));
  if (info.reason().empty()) info.set_reason(absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
  info.set_domain(Domain());
  for (const auto& [key, value] : GetErrorMetadata(status))
    (*info.mutable_metadata())[key] = Presentable(value);
  // A daemon that passes on another's error keeps what that one said.
  if (const auto domain = info.metadata().find("domain"); domain != info.metadata().end()) {
    info.set_domain(domain->second);
    info.mutable_metadata()->erase("domain");
  }
  (*info.mutable_metadata())["request_id"] = request_id;
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return {code, message, details.SerializeAsString()};
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  google::rpc::Status details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : details.details()) {
      google::rpc::ErrorInfo info;
      if (!any.UnpackTo(&info)) continue;
      ErrorMetadata metadata(info.metadata().begin(), info.metadata().end());
      metadata["domain"] = info.domain();
      return ApiError(code, info.reason(), status.error_message(), metadata);
    }
  }
  return absl::Status(code, status.error_message());
}

}  // namespace banger::rpc
