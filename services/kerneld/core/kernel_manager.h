#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sync/keyed_lock.h"
#include "common/sync/progress.h"
#include "common/sync/single_flight.h"
#include "services/kerneld/core/kernel.h"
#include "services/kerneld/core/ports.h"

namespace banger::kerneld {

// What kerneld does. Kernels are built aside, without any lock, and published
// under their name's lock, which delete takes, too: so a slow caller holds up
// nobody. Thread-safe; the ports must outlive it.
class KernelManager {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  KernelManager(KernelStore& store, KernelBuilder& builder, PackageSource& packages, TarballSource& tarballs,
                CatalogSource& catalogs, Clock clock = std::chrono::system_clock::now);

  absl::StatusOr<Kernel> Get(const std::string& id);

  // Sorted by id.
  absl::StatusOr<std::vector<Kernel>> List();

  // What the catalogs have, and what of it is here.
  absl::StatusOr<AvailableKernels> Available(const std::stop_token& stop);

  // An empty id means the default: the newest "generic-*", else the newest.
  absl::StatusOr<KernelFiles> Files(const std::string& id);

  absl::Status Delete(const std::string& id, const std::stop_token& stop);

  absl::StatusOr<Kernel> Import(const ImportSpec& spec, ByteSource& source, const ProgressFn& progress,
                                const std::stop_token& stop);

  // Calls for the same kernel share the work.
  absl::StatusOr<Kernel> Pull(const std::string& id, bool force, const ProgressFn& progress,
                              const std::stop_token& stop);

 private:
  absl::StatusOr<Kernel> PullByName(const std::string& id, bool force, const ProgressFn& progress,
                                    const std::stop_token& stop);
  absl::StatusOr<Kernel> PullTarball(const CatalogEntry& entry, bool force, const ProgressFn& progress,
                                     const std::stop_token& stop);
  absl::StatusOr<Kernel> PullPackage(const CatalogEntry& entry, bool force, const ProgressFn& progress,
                                     const std::stop_token& stop);
  absl::StatusOr<Kernel> Publish(Staging& staging, Kernel kernel, bool force, const std::stop_token& stop);
  absl::Status CheckFree(const std::string& id, bool force);

  KernelStore& store_;
  KernelBuilder& builder_;
  PackageSource& packages_;
  TarballSource& tarballs_;
  CatalogSource& catalogs_;
  const Clock clock_;
  KeyedLock names_;
  ProgressFanout pull_progress_;
  SingleFlight<Kernel> pulls_;  // last: its work uses all the others
};

}  // namespace banger::kerneld
