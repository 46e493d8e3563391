// Any text as an image reference: refused, or one that means the same in full.
#include <cstdint>
#include <cstdlib>

#include "common/oci/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto reference = banger::oci::ParseReference(text);
  if (!reference.ok()) return 0;
  const auto again = banger::oci::ParseReference(reference->ToString());
  if (!again.ok() || !(*again == *reference)) std::abort();
  if (banger::oci::ImageIdOf(*again).find('/') != std::string::npos) std::abort();
  return 0;
}
