#pragma once

#include <stop_token>
#include <string>
#include <utility>

#include "common/http/http_source.h"
#include "services/imaged/core/available_images.h"
#include "services/imaged/core/catalog_entry.h"
#include "services/imaged/core/pull.h"

namespace banger::imaged {

// Images by their names in the catalogs: their bundles, or the images of registries
// that they stand for. All else is left to the registries. Thread-safe.
class CatalogImageSource final : public ImageSource {
 public:
  // `arch` is this host's; `fetch` how patient downloads of bundles are. What it
  // refers to must outlive it and what it finds.
  CatalogImageSource(CatalogSource& catalogs, ImageSource& registries, std::string arch,
                     http::FetchOptions fetch = {})
      : catalogs_(catalogs), registries_(registries), arch_(std::move(arch)), fetch_(std::move(fetch)) {}

  // The errors of PlanPull, besides those of the registries.
  absl::StatusOr<RemoteImage> Find(const PullSpec& spec, const ProgressFn& progress,
                                   const std::stop_token& stop) override;

 private:
  absl::StatusOr<RemoteImage> FindAtRegistry(PullSpec spec, const PullPlan& plan, const ProgressFn& progress,
                                             const std::stop_token& stop);

  CatalogSource& catalogs_;
  ImageSource& registries_;
  const std::string arch_;
  const http::FetchOptions fetch_;
};

}  // namespace banger::imaged
