#include "services/kerneld/server.h"

#include <utility>

#include "common/config/install.h"
#include "common/status/status_macros.h"
#include "services/kerneld/adapters/apt_source.h"
#include "services/kerneld/adapters/catalog_json.h"
#include "services/kerneld/adapters/catalog_set.h"
#include "services/kerneld/adapters/disk_store.h"
#include "services/kerneld/adapters/embedded_catalog.h"
#include "services/kerneld/adapters/kernel_importer.h"
#include "services/kerneld/adapters/tarball_download.h"
#include "services/kerneld/core/kernel_manager.h"
#include "services/kerneld/kernel_service.h"

namespace banger::kerneld {
namespace {

class Server final : public rpc::DaemonParts {
 public:
  Server(std::unique_ptr<DiskStore> store, std::unique_ptr<CatalogSet> catalogs,
         const rpc::DaemonContext& context)
      : store_(std::move(store)),
        catalogs_(std::move(catalogs)),
        importer_([] { return FindLibexec("banger-initrd"); }),
        packages_({.state_dir = context.paths.cache_dir / "apt"}),
        kernels_(*store_, importer_, packages_, tarballs_, *catalogs_),
        service_(kernels_, context.workers) {}

  void Register(grpc::ServerBuilder& builder) override { builder.RegisterService(&service_); }

 private:
  const std::unique_ptr<DiskStore> store_;
  const std::unique_ptr<CatalogSet> catalogs_;
  KernelImporter importer_;
  AptSource packages_;
  TarballDownload tarballs_;
  KernelManager kernels_;
  KernelService service_;
};

absl::StatusOr<std::unique_ptr<CatalogSet>> OpenCatalogs(const rpc::DaemonContext& context) {
  BANGER_ASSIGN_OR_RETURN(auto entries,
                          CatalogSet::Entries::Open({.kind = "kernel",
                                                     .built_in = kEmbeddedCatalog,
                                                     .further = context.config.kernel_catalogs,
                                                     .copies = context.paths.state_dir / "kernel-catalogs"},
                                                    ParseCatalogEntry));
  return std::make_unique<CatalogSet>(std::move(entries));
}

}  // namespace

absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeServer(const rpc::DaemonContext& context) {
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<CatalogSet> catalogs, OpenCatalogs(context));
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<DiskStore> store, DiskStore::Open(context.paths.kernels_dir()));
  return std::unique_ptr<rpc::DaemonParts>(
      std::make_unique<Server>(std::move(store), std::move(catalogs), context));
}

}  // namespace banger::kerneld
