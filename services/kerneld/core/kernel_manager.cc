#include "services/kerneld/core/kernel_manager.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status/status_macros.h"
#include "services/kerneld/core/kernel_name.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace {

absl::Status CheckName(const std::string& id) {
  return IsValidKernelName(id) ? absl::OkStatus() : KernelNameInvalid(id);
}

// By kernel version, then by time.
bool IsOlder(const KernelFiles& a, const KernelFiles& b) {
  if (IsOlderVersion(a.kernel.kernel_version, b.kernel.kernel_version)) return true;
  if (IsOlderVersion(b.kernel.kernel_version, a.kernel.kernel_version)) return false;
  return a.kernel.imported_at < b.kernel.imported_at;
}

bool IsWorseDefault(const KernelFiles& a, const KernelFiles& b) {
  const bool a_generic = absl::StartsWith(a.kernel.id, "generic-");
  const bool b_generic = absl::StartsWith(b.kernel.id, "generic-");
  return a_generic == b_generic ? IsOlder(a, b) : b_generic;
}

std::string SourceOf(const PackageVersion& package) {
  return absl::StrCat("apt:", package.name, "=", package.version);
}

// A kernel of that name that came from elsewhere, or from another version of the
// package, is not this one. As long as nobody knows the package's version, any
// from a package counts as this one.
AvailableKernel::State StateOf(const CatalogEntry& entry, const absl::StatusOr<PackageVersion>& package,
                               KernelStore& store) {
  using State = AvailableKernel::State;
  if (!store.Exists(entry.id)) return State::kAvailable;
  const absl::StatusOr<KernelFiles> here = store.Find(entry.id);
  if (!here.ok()) return State::kUpdate;
  const std::string& source = here->kernel.source;
  const bool same = !entry.tarball_url.empty() ? source == absl::StrCat("pull:", entry.tarball_url)
                    : package.ok()             ? source == SourceOf(*package)
                                               : absl::StartsWith(source, "apt:");
  return same ? State::kPulled : State::kUpdate;
}

Kernel Describe(const CatalogEntry& entry, BuiltKernel built, std::string source) {
  return {.id = entry.id,
          .distro = entry.distro,
          .arch = std::move(built.arch),
          .kernel_version = std::move(built.kernel_version),
          .sha256 = std::move(built.sha256),
          .source = std::move(source)};
}

}  // namespace

KernelManager::KernelManager(KernelStore& store, KernelBuilder& builder, PackageSource& packages,
                             TarballSource& tarballs, CatalogSource& catalogs, Clock clock)
    : store_(store),
      builder_(builder),
      packages_(packages),
      tarballs_(tarballs),
      catalogs_(catalogs),
      clock_(std::move(clock)) {}

absl::StatusOr<Kernel> KernelManager::Get(const std::string& id) {
  BANGER_RETURN_IF_ERROR(CheckName(id));
  BANGER_ASSIGN_OR_RETURN(KernelFiles files, store_.Find(id));
  return std::move(files.kernel);
}

absl::StatusOr<std::vector<Kernel>> KernelManager::List() {
  BANGER_ASSIGN_OR_RETURN(std::vector<KernelFiles> all, store_.List());
  std::vector<Kernel> kernels;
  for (KernelFiles& files : all) kernels.push_back(std::move(files.kernel));
  return kernels;
}

absl::StatusOr<KernelFiles> KernelManager::Files(const std::string& id) {
  if (!id.empty()) {
    BANGER_RETURN_IF_ERROR(CheckName(id));
    return store_.Find(id);
  }
  BANGER_ASSIGN_OR_RETURN(std::vector<KernelFiles> all, store_.List());
  if (all.empty()) return NoKernel();
  return *std::max_element(all.begin(), all.end(), IsWorseDefault);
}

absl::Status KernelManager::Delete(const std::string& id, const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckName(id));
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, names_.Acquire(id, stop));
  return store_.Remove(id);
}

absl::StatusOr<Kernel> KernelManager::Import(const ImportSpec& spec, ByteSource& source,
                                             const ProgressFn& progress, const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckName(spec.id));
  BANGER_RETURN_IF_ERROR(CheckFree(spec.id, spec.force));
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<Staging> staging, store_.Stage());
  BANGER_ASSIGN_OR_RETURN(
      BuiltKernel built,
      builder_.Build(source, {.format = spec.format, .arch = spec.arch, .total_bytes = spec.total_bytes},
                     *staging, progress, stop));
  Kernel kernel{.id = spec.id,
                .distro = spec.distro.empty() ? std::move(built.distro) : spec.distro,
                .arch = std::move(built.arch),
                .kernel_version = std::move(built.kernel_version),
                .sha256 = std::move(built.sha256),
                .source = absl::StrCat("import:", spec.source)};
  return Publish(*staging, std::move(kernel), spec.force, stop);
}

absl::StatusOr<AvailableKernels> KernelManager::Available(const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(CatalogSource::Listing listing, catalogs_.List(stop));
  AvailableKernels available{.warnings = std::move(listing.warnings)};
  for (CatalogEntry& entry : listing.entries) {
    absl::StatusOr<PackageVersion> package = absl::NotFoundError("it names none");
    if (!entry.apt_package.empty()) package = packages_.Find(entry.apt_package, stop);
    if (stop.stop_requested()) return absl::CancelledError("the caller has left");
    const AvailableKernel::State state = StateOf(entry, package, store_);
    if (package.ok()) {
      entry.size_bytes = package->size_bytes;
      entry.kernel_version = std::string(absl::StripPrefix(package->name, "linux-image-"));
    }
    available.kernels.push_back({.entry = std::move(entry), .state = state});
  }
  return available;
}

absl::StatusOr<Kernel> KernelManager::Pull(const std::string& id, bool force, const ProgressFn& progress,
                                           const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckName(id));
  BANGER_RETURN_IF_ERROR(CheckFree(id, force));
  // Who replaces and who does not cannot share a result.
  const std::string key = absl::StrCat(id, force ? " force" : "");
  const ProgressFanout::Subscription subscription(pull_progress_, key, progress);
  return pulls_.Do(key, stop, [this, key, id, force](const std::stop_token& work_stop) {
    const auto tell_all = [this, &key](const Progress& step) { pull_progress_.Send(key, step); };
    return PullByName(id, force, tell_all, work_stop);
  });
}

absl::StatusOr<Kernel> KernelManager::PullByName(const std::string& id, bool force,
                                                 const ProgressFn& progress, const std::stop_token& stop) {
  // An equal pull may have ended just now.
  BANGER_RETURN_IF_ERROR(CheckFree(id, force));
  BANGER_ASSIGN_OR_RETURN(const CatalogEntry entry, catalogs_.Find(id, stop));
  return entry.tarball_url.empty() ? PullPackage(entry, force, progress, stop)
                                   : PullTarball(entry, force, progress, stop);
}

absl::StatusOr<Kernel> KernelManager::PullTarball(const CatalogEntry& entry, bool force,
                                                  const ProgressFn& progress, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<Staging> staging, store_.Stage());
  const std::shared_ptr<ByteSource> tar = tarballs_.Open(entry, progress, stop);
  BANGER_ASSIGN_OR_RETURN(BuiltKernel built,
                          builder_.Build(*tar, {.format = Format::kTarball, .arch = entry.arch, .stage = ""},
                                         *staging, progress, stop));
  return Publish(*staging, Describe(entry, std::move(built), absl::StrCat("pull:", entry.tarball_url)), force,
                 stop);
}

absl::StatusOr<Kernel> KernelManager::PullPackage(const CatalogEntry& entry, bool force,
                                                  const ProgressFn& progress, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<Staging> staging, store_.Stage());
  BANGER_ASSIGN_OR_RETURN(const FetchedPackage fetched,
                          packages_.Fetch(entry.apt_package, staging->work_dir(), progress, stop));
  BANGER_ASSIGN_OR_RETURN(BuiltKernel built, builder_.Build(*fetched.bytes,
                                                            {.format = Format::kDeb,
                                                             .arch = entry.arch,
                                                             .total_bytes = fetched.package.size_bytes,
                                                             .stage = "unpack"},
                                                            *staging, progress, stop));
  return Publish(*staging, Describe(entry, std::move(built), SourceOf(fetched.package)), force, stop);
}

absl::StatusOr<Kernel> KernelManager::Publish(Staging& staging, Kernel kernel, bool force,
                                              const std::stop_token& stop) {
  kernel.imported_at = std::chrono::floor<std::chrono::seconds>(clock_());
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, names_.Acquire(kernel.id, stop));
  BANGER_RETURN_IF_ERROR(CheckFree(kernel.id, force));
  BANGER_RETURN_IF_ERROR(store_.Publish(staging, kernel));
  BANGER_ASSIGN_OR_RETURN(KernelFiles files, store_.Find(kernel.id));
  return std::move(files.kernel);
}

absl::Status KernelManager::CheckFree(const std::string& id, bool force) {
  return !force && store_.Exists(id) ? KernelExists(id) : absl::OkStatus();
}

}  // namespace banger::kerneld
