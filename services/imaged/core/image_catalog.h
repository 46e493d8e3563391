// The images: what may be done to them and when. Work on one image is serial,
// on different ones parallel. Thread-safe.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sync/keyed_lock.h"
#include "services/imaged/core/image.h"
#include "services/imaged/core/ports.h"
#include "services/imaged/core/pull.h"

namespace banger::imaged {

struct ImportSpec {
  std::string id;
  std::string kernel;           // an id; empty leaves the choice to each VM's start
  std::string source;           // see Image
  std::string digest;           // of what it is made from; may be empty
  std::int64_t size_bytes = 0;  // 0: by content
};

struct ImagePage {
  std::vector<Image> images;
  std::string next_after;  // the last id, when there are more
};

class ImageCatalog {
 public:
  // `clock` gives seconds since 1970; `arch` is this host's.
  ImageCatalog(ImageStore& store, KernelSource& kernels, std::string arch,
               std::function<std::int64_t()> clock);

  // This host's.
  const std::string& arch() const { return arch_; }

  absl::StatusOr<Image> Get(const std::string& id);
  // At most `limit` images whose ids follow `after`.
  absl::StatusOr<ImagePage> List(const std::string& after, std::size_t limit);

  // Stores nothing unless it succeeds.
  absl::StatusOr<Image> Import(const ImportSpec& spec, RootfsBuilder& builder, const std::stop_token& stop);

  // Makes an image of what was found elsewhere. One that is there already as just
  // that is given back; IMAGE_EXISTS when it is something else.
  absl::StatusOr<Image> Pull(const PullSpec& spec, const RemoteImage& remote, const std::stop_token& stop);

  // Makes or renews an image that comes with banger. Does nothing when it is
  // there with that digest, or while VMs use an older one.
  absl::Status ProvideBuiltIn(const std::string& id, const std::string& digest, RootfsBuilder& builder);

  // Gives a registered image a copy of its file, which the builder makes, for its
  // own. Does nothing when it has one already. VMs keep what they have started from.
  absl::StatusOr<Image> Promote(const std::string& id, RootfsBuilder& copier, const std::stop_token& stop);

  // Gives `work` the image, its root file system and a directory that is gone
  // afterwards. The image may be deleted meanwhile; what is open stays readable.
  using ExportFn = std::function<absl::Status(const Image& image, const std::filesystem::path& rootfs,
                                              const std::filesystem::path& scratch)>;
  absl::Status Export(const std::string& id, const ExportFn& work);

  absl::Status Delete(const std::string& id, const std::stop_token& stop);

  absl::StatusOr<BootFiles> Acquire(const std::string& id, const std::string& lease,
                                    const std::stop_token& stop);
  absl::Status Release(const std::string& id, const std::string& lease, const std::stop_token& stop);
  absl::StatusOr<std::vector<Lease>> Leases();

 private:
  absl::StatusOr<Image> Make(Image image, const KernelFiles* kernel, std::int64_t wanted_bytes,
                             RootfsBuilder& builder, const std::stop_token& stop);

  ImageStore& store_;
  KernelSource& kernels_;
  const std::string arch_;
  const std::function<std::int64_t()> clock_;
  KeyedLock locks_;
};

}  // namespace banger::imaged
