#pragma once

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}

namespace banger::cli {

// Prints the message on stdout as the API's own JSON: field names as in the
// protos, all fields that have no presence also when they are zero, 64-bit
// numbers as strings, indented.
absl::Status PrintJson(const google::protobuf::Message& message);

// The same on one line, for streams.
absl::Status PrintJsonLine(const google::protobuf::Message& message);

}  // namespace banger::cli
