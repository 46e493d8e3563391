// Fakes of imaged's ports that keep everything in memory.
#pragma once

#include <atomic>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/imaged/core/catalog_entry.h"
#include "services/imaged/core/ports.h"
#include "services/imaged/core/pull.h"
#include "services/imaged/errors.h"

namespace banger::imaged {

class MemoryStore final : public ImageStore {
 public:
  absl::StatusOr<Image> Find(const std::string& id) override {
    const auto it = images.find(id);
    if (it == images.end()) return ImageNotFound(id);
    return it->second;
  }
  absl::StatusOr<std::vector<Image>> List() override {
    std::vector<Image> all;
    for (const auto& [id, image] : images) all.push_back(image);
    return all;
  }
  absl::StatusOr<std::filesystem::path> Stage() override {
    const std::filesystem::path path = absl::StrCat("/staged/", ++staged_count);
    staged.insert(path);
    return path;
  }
  absl::Status AddKernel(const std::filesystem::path& path, const KernelFiles& kernel) override {
    kernels[path] = kernel;
    return absl::OkStatus();
  }
  absl::StatusOr<Image> Publish(const std::filesystem::path& path, const Image& image) override {
    staged.erase(path);
    images[image.id] = image;
    return image;
  }
  absl::StatusOr<Image> Adopt(const std::filesystem::path& path, const Image& image) override {
    return Publish(path, image);
  }
  void Discard(const std::filesystem::path& path) override { staged.erase(path); }
  absl::Status Remove(const std::string& id) override {
    images.erase(id);
    return absl::OkStatus();
  }
  absl::Status AddLease(const std::string& id, const std::string& lease, const KernelFiles* kernel) override {
    leases[{id, lease}] = kernel == nullptr ? KernelFiles() : *kernel;
    return absl::OkStatus();
  }
  absl::Status RemoveLease(const std::string& id, const std::string& lease) override {
    leases.erase({id, lease});
    return absl::OkStatus();
  }
  bool HasLease(const std::string& id, const std::string& lease) override {
    return leases.count({id, lease}) > 0;
  }
  absl::StatusOr<std::vector<std::string>> LeasesOf(const std::string& id) override {
    std::vector<std::string> held;
    for (const auto& [key, kernel] : leases)
      if (key.first == id) held.push_back(key.second);
    return held;
  }
  absl::StatusOr<BootFiles> FilesOf(const Image& image, const std::string& lease) override {
    return BootFiles{.image = image, .rootfs = "/rootfs", .vmlinux = leases[{image.id, lease}].vmlinux};
  }
  absl::StatusOr<std::filesystem::path> RootfsOf(const Image& image) override {
    return image.in_place.has_value() ? image.in_place->path : "/rootfs";
  }

  std::map<std::string, Image> images;
  std::set<std::filesystem::path> staged;
  std::map<std::filesystem::path, KernelFiles> kernels;
  std::map<std::pair<std::string, std::string>, KernelFiles> leases;
  int staged_count = 0;
};

class FakeKernels final : public KernelSource {
 public:
  absl::StatusOr<KernelFiles> Find(const std::string& id, const std::stop_token&) override {
    if (!error.ok()) return error;
    const std::string wanted = id.empty() ? default_id : id;
    const auto it = kernels.find(wanted);
    if (it != kernels.end()) return it->second;
    return id.empty() ? NoKernel("") : KernelNotFound(id);
  }

  std::map<std::string, KernelFiles> kernels;
  std::string default_id;
  absl::Status error;
};

class FakeCatalogs final : public CatalogSource {
 public:
  absl::StatusOr<Listing> List(const std::stop_token&) override {
    return Listing{.entries = entries, .warnings = warnings};
  }
  absl::StatusOr<std::optional<CatalogEntry>> Find(const std::string& id, const std::stop_token&) override {
    if (!error.ok()) return error;
    for (const CatalogEntry& entry : entries)
      if (entry.id == id) return entry;
    return std::nullopt;
  }

  std::vector<CatalogEntry> entries;
  std::vector<std::string> warnings;
  absl::Status error;
};

class FakeBuilder final : public RootfsBuilder {
 public:
  absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path&, std::int64_t,
                                    const std::stop_token&) override {
    ++builds;
    return result;
  }

  absl::StatusOr<BuiltRootfs> result =
      BuiltRootfs{.size_bytes = 1 << 30, .os = "Fake Linux", .arch = "x86_64"};
  int builds = 0;
};

// One image elsewhere.
class FakeSource final : public ImageSource {
 public:
  absl::StatusOr<RemoteImage> Find(const PullSpec& spec, const ProgressFn& progress,
                                   const std::stop_token& stop) override {
    ++finds;
    do {
      progress({.stage = "found"});
    } while (tell_until && !tell_until());
    if (during_find) during_find(stop);
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    if (!found.ok()) return found;
    RemoteImage image{.reference = absl::StrCat("reg.example/", spec.reference, ":latest"),
                      .digest = digest,
                      .kernel = kernel};
    image.builder = std::make_unique<Builder>(*this);
    return image;
  }

  absl::Status found;
  absl::Status built;
  std::string digest = "sha256:1";
  std::string kernel;
  std::string writes;                // as a root file system; empty: no file is made
  std::function<bool()> tell_until;  // repeats "found"
  std::function<void(const std::stop_token&)> during_find;
  std::function<void()> during_build;
  std::atomic<int> finds = 0;
  std::atomic<int> builds = 0;

 private:
  class Builder final : public RootfsBuilder {
   public:
    explicit Builder(FakeSource& source) : source_(source) {}
    absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t,
                                      const std::stop_token&) override {
      ++source_.builds;
      if (source_.during_build) source_.during_build();
      if (!source_.built.ok()) return source_.built;
      if (!source_.writes.empty()) std::ofstream(rootfs) << source_.writes;
      return BuiltRootfs{.size_bytes = 1 << 30, .os = "Fake Linux", .arch = "x86_64"};
    }

   private:
    FakeSource& source_;
  };
};

}  // namespace banger::imaged
