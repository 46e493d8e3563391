#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "services/netd/adapters/helper_process.h"

namespace banger::netd {

// The host's resolv.conf, read by a helper process of its own: other tools
// replace the file, so whoever may read it may read all of /etc.
class ResolvConf {
 public:
  // While netd has root's rights still. `on_lost` as in HelperProcess.
  static absl::StatusOr<std::unique_ptr<ResolvConf>> Start(const std::filesystem::path& file,
                                                           std::function<void()> on_lost = nullptr);

  // 64 KiB at most. Thread-safe.
  absl::StatusOr<std::string> Read() const;

 private:
  explicit ResolvConf(std::unique_ptr<HelperProcess> helper) : helper_(std::move(helper)) {}

  const std::unique_ptr<HelperProcess> helper_;
};

}  // namespace banger::netd
