#pragma once

#include <stop_token>

#include "absl/status/status.h"
#include "banger/guest/v1/guest_service.pb.h"
#include "common/rpc/server_call.h"

namespace banger::agent {

using ReadTreeWriter = rpc::Writer<guest::v1::ReadTreeResponse>;
using WriteTreeStream = rpc::Stream<guest::v1::WriteTreeRequest, guest::v1::WriteTreeResponse>;

// One ReadTree call: the caller's pace is ours, nothing is buffered beyond a chunk.
absl::Status RunReadTree(const std::stop_token& stop, const tree::v1::Source& source, ReadTreeWriter& out);

// One WriteTree call.
absl::Status RunWriteTree(const std::stop_token& stop, WriteTreeStream& stream);

}  // namespace banger::agent
