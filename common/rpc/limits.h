#pragma once

namespace banger::rpc {

// The largest message that either end of a call takes, over any transport.
inline constexpr int kMaxMessageBytes = 8 << 20;

}  // namespace banger::rpc
