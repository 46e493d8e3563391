#include "services/imaged/server.h"

#include <fcntl.h>
#include <sys/utsname.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "common/archive/byte_source.h"
#include "common/config/install.h"
#include "common/digest/sha256.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/rpc/channel.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/cache/blob_cache.h"
#include "services/imaged/adapters/catalog_image_source.h"
#include "services/imaged/adapters/catalog_json.h"
#include "services/imaged/adapters/catalog_set.h"
#include "services/imaged/adapters/disk_store.h"
#include "services/imaged/adapters/embedded_catalog.h"
#include "services/imaged/adapters/kernel_client.h"
#include "services/imaged/adapters/registry/registry_source.h"
#include "services/imaged/adapters/rootfs_tar_builder.h"
#include "services/imaged/core/image_catalog.h"
#include "services/imaged/core/image_puller.h"
#include "services/imaged/image_service.h"

namespace banger::imaged {
namespace {

std::string HostArch() {
  utsname host{};
  return ::uname(&host) == 0 ? host.machine : "x86_64";
}

std::int64_t Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

class Parts final : public rpc::DaemonParts {
 public:
  Parts(DiskStore store, std::unique_ptr<BlobCache> cache, std::unique_ptr<CatalogSet> available,
        const rpc::DaemonContext& context)
      : store_(std::move(store)),
        cache_(std::move(cache)),
        available_(std::move(available)),
        kernels_(rpc::ConnectDaemon(context.paths.Socket("kerneld"))),
        catalog_(store_, kernels_, HostArch(), Now),
        registries_(*cache_, context.config.registries, HostArch()),
        source_(*available_, registries_, HostArch()),
        puller_(catalog_, source_),
        service_({catalog_, puller_, store_, *available_, *cache_, context.config.images}, context.workers) {}

  absl::Status ProvideMini() {
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path tar, FindShare("mini.tar"));
    BANGER_ASSIGN_OR_RETURN(const std::string digest, Sha256OfFile(tar));
    BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(tar, O_RDONLY));
    FdSource source(fd.get());
    RootfsTarBuilder builder(source);
    return catalog_.ProvideBuiltIn("mini", digest, builder);
  }

  void Register(grpc::ServerBuilder& builder) override { builder.RegisterService(&service_); }

 private:
  DiskStore store_;
  const std::unique_ptr<BlobCache> cache_;
  const std::unique_ptr<CatalogSet> available_;
  KernelClient kernels_;
  ImageCatalog catalog_;
  RegistrySource registries_;
  CatalogImageSource source_;
  ImagePuller puller_;
  ImageService service_;
};

absl::StatusOr<std::unique_ptr<CatalogSet>> OpenCatalogs(const rpc::DaemonContext& context) {
  BANGER_ASSIGN_OR_RETURN(auto entries,
                          CatalogSet::Entries::Open({.kind = "image",
                                                     .built_in = kEmbeddedCatalog,
                                                     .further = context.config.image_catalogs,
                                                     .copies = context.paths.state_dir / "image-catalogs"},
                                                    ParseCatalogEntry));
  return std::make_unique<CatalogSet>(std::move(entries));
}

}  // namespace

absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeServer(const rpc::DaemonContext& context) {
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<CatalogSet> available, OpenCatalogs(context));
  BANGER_ASSIGN_OR_RETURN(DiskStore store, DiskStore::Open(context.paths.images_dir()));
  BANGER_ASSIGN_OR_RETURN(
      std::unique_ptr<BlobCache> cache,
      BlobCache::Open(context.paths.cache_dir / "oci", context.config.images.cache_size_bytes));
  auto parts = std::make_unique<Parts>(std::move(store), std::move(cache), std::move(available), context);
  if (const absl::Status mini = parts->ProvideMini(); !mini.ok())
    log::Error("the image 'mini' cannot be provided", {{"error", std::string(mini.message())}});
  return parts;
}

}  // namespace banger::imaged
