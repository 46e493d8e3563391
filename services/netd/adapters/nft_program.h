#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/netd/adapters/helper_process.h"

namespace banger::netd {

// nft(8), the only program that is ever executed for netd: by absolute path,
// without a shell, with an environment of its own, by a helper process that does
// nothing else, so that netd itself can execute nothing. Copies share the helper.
class NftProgram {
 public:
  // While netd has root's rights still. `on_lost` as in HelperProcess.
  // FAILED_PRECONDITION when this host has no nft.
  static absl::StatusOr<NftProgram> Start(std::function<void()> on_lost = nullptr);

  // One transaction: all of it, or FIREWALL_FAILED and nothing.
  absl::Status Execute(const std::string& text) const;
  // What `nft ARGUMENTS` prints; NOT_FOUND when what it names is not there.
  absl::StatusOr<std::string> Query(const std::vector<std::string>& arguments) const;

 private:
  explicit NftProgram(std::shared_ptr<HelperProcess> helper) : helper_(std::move(helper)) {}

  absl::StatusOr<std::string> Run(const std::string& input, const std::vector<std::string>& arguments) const;

  std::shared_ptr<HelperProcess> helper_;
};

}  // namespace banger::netd
