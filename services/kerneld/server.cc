#include "services/kerneld/server.h"

#include <utility>

#include "common/config/install.h"
#include "common/status/status_macros.h"
#include "services/kerneld/adapters/apt_source.h"
#include "services/kerneld/adapters/disk_store.h"
#include "services/kerneld/adapters/embedded_catalog.h"
#include "services/kerneld/adapters/kernel_importer.h"
#include "services/kerneld/adapters/manifest.h"
#include "services/kerneld/core/kernel_manager.h"
#include "services/kerneld/kernel_service.h"

namespace banger::kerneld {
namespace {

class Server final : public rpc::DaemonParts {
 public:
  Server(std::unique_ptr<DiskStore> store, Catalog catalog, const rpc::DaemonContext& context)
      : store_(std::move(store)),
        importer_([] { return FindLibexec("banger-initrd"); }),
        packages_({.state_dir = context.paths.cache_dir / "apt"}),
        kernels_(*store_, importer_, packages_, std::move(catalog)),
        service_(kernels_, context.workers) {}

  void Register(grpc::ServerBuilder& builder) override { builder.RegisterService(&service_); }

 private:
  const std::unique_ptr<DiskStore> store_;
  KernelImporter importer_;
  AptSource packages_;
  KernelManager kernels_;
  KernelService service_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeServer(const rpc::DaemonContext& context) {
  BANGER_ASSIGN_OR_RETURN(Catalog catalog, ParseCatalog(kEmbeddedCatalog));
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<DiskStore> store, DiskStore::Open(context.paths.kernels_dir()));
  return std::unique_ptr<rpc::DaemonParts>(
      std::make_unique<Server>(std::move(store), std::move(catalog), context));
}

}  // namespace banger::kerneld
