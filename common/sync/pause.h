#pragma once

#include <chrono>
#include <stop_token>

namespace banger {

// Whether the time passed; false as soon as `stop` is requested.
bool PauseFor(std::chrono::nanoseconds duration, const std::stop_token& stop);

}  // namespace banger
