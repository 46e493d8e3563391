// Any bytes from a guest: the decoder finds frames or drops bytes, and always
// goes on.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "common/guestlink/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  banger::guestlink::Decoder decoder;
  while (size > 0) {
    std::size_t space = 0;
    char* out = decoder.Space(&space);
    if (space == 0) std::abort();  // all frames were popped
    const std::size_t count = std::min({space, size, std::size_t{1000}});
    std::copy_n(data, count, out);
    decoder.Added(count);
    data += count;
    size -= count;
    while (const auto frame = decoder.Peek()) {
      if (frame->payload.size() > banger::guestlink::kMaxPayload) std::abort();
      decoder.Pop();
    }
  }
  return 0;
}
