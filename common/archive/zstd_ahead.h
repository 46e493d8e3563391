#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "common/archive/byte_source.h"

namespace banger {

// What zstd frames unpack to (see ZstdSource), unpacked on a thread of its own, at
// most 2 MiB ahead of the reader. `packed` makes the source on the new thread's
// behalf; a Read of it has to return soon after the token was stopped, which
// happens when the reader leaves. `stop` ends reading with CANCELLED.
using MakePacked = std::function<std::shared_ptr<ByteSource>(const std::stop_token& stop)>;
std::shared_ptr<ByteSource> UnpackZstdAhead(MakePacked packed, const std::stop_token& stop);

}  // namespace banger
