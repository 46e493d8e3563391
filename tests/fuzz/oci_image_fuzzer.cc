// Any texts as the documents of an image: refused, or an image whose parts can be
// asked for. The first byte chooses the type of the first one; a newline ends each.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/oci/digest.h"
#include "services/imaged/adapters/oci_image.h"

namespace banger::imaged {
namespace {

const std::string kDigest = "sha256:" + std::string(64, '0');

class Documents final : public OciDocuments {
 public:
  explicit Documents(std::vector<std::string> texts) : texts_(std::move(texts)) {}
  absl::StatusOr<std::string> Read(const Descriptor& document) override {
    if (!oci::IsDigest(document.digest) || document.size <= 0) std::abort();
    return texts_[std::min(next_++, texts_.size() - 1)];
  }

 private:
  const std::vector<std::string> texts_;
  std::size_t next_ = 0;
};

void Read(std::uint8_t type, absl::string_view text) {
  const oci::Platform platform{"linux", "amd64", "v2"};
  Documents documents(absl::StrSplit(text, '\n'));
  const char* const media_type = type % 2 == 0 ? "application/vnd.oci.image.index.v1+json"
                                               : "application/vnd.oci.image.manifest.v1+json";
  const auto image = ReadOciImage(documents, {media_type, kDigest, 100}, platform);
  if (image.ok()) {
    if (image->layers.empty() || image->layers.size() > 1000) std::abort();
    for (const OciLayer& layer : image->layers)
      if (!oci::IsDigest(layer.blob.digest) || layer.blob.size <= 0 || !oci::IsDigest(layer.diff_id))
        std::abort();
  }
  FindInLayout(std::string(text), type % 3 == 0 ? "" : "latest", platform).status().IgnoreError();
}

}  // namespace
}  // namespace banger::imaged

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  banger::imaged::Read(data[0], absl::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}
