#include "cli/output/json.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <string>

#include "absl/status/statusor.h"
#include "cli/output/streams.h"
#include "common/status/status_macros.h"

namespace banger::cli {

namespace {

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message, bool one_line) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = !one_line;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) return absl::InternalError("print JSON: " + status.ToString());
  if (one_line) text += '\n';
  return text;
}

}  // namespace

absl::Status PrintJson(const google::protobuf::Message& message) {
  BANGER_ASSIGN_OR_RETURN(const std::string text, ToJson(message, /*one_line=*/false));
  return WriteStdout(text);
}

absl::Status PrintJsonLine(const google::protobuf::Message& message) {
  BANGER_ASSIGN_OR_RETURN(const std::string text, ToJson(message, /*one_line=*/true));
  return WriteStdout(text);
}

}  // namespace banger::cli
