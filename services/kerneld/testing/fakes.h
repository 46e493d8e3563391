// A fake for each port of the core.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/archive/byte_source.h"
#include "common/sync/mutex.h"
#include "services/kerneld/core/ports.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {

// Kernels in memory, and how many are being made.
class MemoryStore final : public KernelStore {
 public:
  absl::StatusOr<std::vector<KernelFiles>> List() override {
    const MutexLock lock(mutex_);
    std::vector<KernelFiles> all;
    for (const auto& [id, kernel] : kernels_) all.push_back({.kernel = kernel, .vmlinux = "/" + id});
    return all;
  }
  absl::StatusOr<KernelFiles> Find(const std::string& id) override {
    const MutexLock lock(mutex_);
    const auto found = kernels_.find(id);
    if (found == kernels_.end()) return KernelNotFound(id);
    return KernelFiles{.kernel = found->second, .vmlinux = "/" + id};
  }
  bool Exists(const std::string& id) override {
    const MutexLock lock(mutex_);
    return kernels_.contains(id);
  }
  absl::StatusOr<std::unique_ptr<Staging>> Stage() override {
    const MutexLock lock(mutex_);
    ++staged_;
    return std::unique_ptr<Staging>(std::make_unique<MemoryStaging>(*this));
  }
  absl::Status Publish(Staging&, const Kernel& kernel) override {
    Put(kernel);
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& id) override {
    const MutexLock lock(mutex_);
    return kernels_.erase(id) == 1 ? absl::OkStatus() : KernelNotFound(id);
  }

  void Put(const Kernel& kernel) {
    const MutexLock lock(mutex_);
    kernels_[kernel.id] = kernel;
  }
  int staged() {
    const MutexLock lock(mutex_);
    return staged_;
  }

 private:
  class MemoryStaging final : public Staging {
   public:
    explicit MemoryStaging(MemoryStore& store) : store_(store) {}
    ~MemoryStaging() override {
      const MutexLock lock(store_.mutex_);
      --store_.staged_;
    }
    std::filesystem::path kernel_dir() const override { return "/kernel"; }
    std::filesystem::path work_dir() const override { return "/work"; }

   private:
    MemoryStore& store_;
  };

  Mutex mutex_;
  std::map<std::string, Kernel> kernels_ ABSL_GUARDED_BY(mutex_);
  int staged_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Answers what the test set, after `on_build` has run.
class FakeBuilder final : public KernelBuilder {
 public:
  absl::StatusOr<BuiltKernel> Build(ByteSource&, const BuildRequest& request, const Staging&,
                                    const ProgressFn& progress, const std::stop_token& stop) override {
    progress({.stage = request.stage});
    if (on_build) on_build(stop);
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    return result;
  }

  std::function<void(const std::stop_token&)> on_build;
  absl::StatusOr<BuiltKernel> result =
      BuiltKernel{.distro = "found", .arch = "x86_64", .kernel_version = "6.1", .sha256 = "ab"};
};

class FakePackages final : public PackageSource {
 public:
  absl::StatusOr<PackageVersion> Find(const std::string&, const std::stop_token&) override { return listed; }
  absl::StatusOr<FetchedPackage> Fetch(const std::string& package, const std::filesystem::path&,
                                       const ProgressFn&, const std::stop_token& stop) override {
    {
      const MutexLock lock(mutex_);
      ++fetches_;
    }
    if (on_fetch) on_fetch(stop);
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    if (!error.ok()) return error;
    return FetchedPackage{.package = {.name = package + "-6.1", .version = "6.1.2-3"},
                          .bytes = std::make_shared<MemorySource>("deb")};
  }

  int fetches() {
    const MutexLock lock(mutex_);
    return fetches_;
  }

  std::function<void(const std::stop_token&)> on_fetch;
  absl::Status error;
  absl::StatusOr<PackageVersion> listed = absl::NotFoundError("no lists");

 private:
  Mutex mutex_;
  int fetches_ ABSL_GUARDED_BY(mutex_) = 0;
};

class FakeTarballs final : public TarballSource {
 public:
  std::shared_ptr<ByteSource> Open(const CatalogEntry& entry, const ProgressFn&,
                                   const std::stop_token&) override {
    opened.push_back(entry.tarball_url);
    return std::make_shared<MemorySource>("tarball");
  }

  std::vector<std::string> opened;
};

class FakeCatalogs final : public CatalogSource {
 public:
  explicit FakeCatalogs(std::vector<CatalogEntry> offered) : entries(std::move(offered)) {}
  absl::StatusOr<Listing> List(const std::stop_token&) override {
    return Listing{.entries = entries, .warnings = warnings};
  }
  absl::StatusOr<CatalogEntry> Find(const std::string& id, const std::stop_token&) override {
    for (const CatalogEntry& entry : entries)
      if (entry.id == id) return entry;
    return CatalogEntryNotFound(id);
  }

  std::vector<CatalogEntry> entries;
  std::vector<std::string> warnings;
};

}  // namespace banger::kerneld
