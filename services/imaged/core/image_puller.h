#pragma once

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/sync/progress.h"
#include "common/sync/single_flight.h"
#include "services/imaged/core/image_catalog.h"
#include "services/imaged/core/pull.h"

namespace banger::imaged {

// Pulls images into the catalog. Callers that want the same share one pull, which
// ends early when the last of them has left. Thread-safe.
class ImagePuller {
 public:
  ImagePuller(ImageCatalog& catalog, ImageSource& source) : catalog_(catalog), source_(source) {}

  // An image that is there already and up to date is given back as it is;
  // IMAGE_EXISTS when it is something else.
  absl::StatusOr<Image> Pull(const PullSpec& spec, const ProgressFn& progress, const std::stop_token& stop);

 private:
  absl::StatusOr<Image> PullOnce(const PullSpec& spec, const ProgressFn& progress,
                                 const std::stop_token& stop);

  ImageCatalog& catalog_;
  ImageSource& source_;
  ProgressFanout progress_;
  SingleFlight<Image> pulls_;  // last: its work uses all the others
};

}  // namespace banger::imaged
